import '@testing-library/jest-dom/vitest';

// What jsdom has no layout for.
globalThis.scrollTo = () => {};
HTMLCanvasElement.prototype.getContext = () => null;
globalThis.ResizeObserver ??= class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
