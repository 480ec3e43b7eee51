import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { svelteTesting } from '@testing-library/svelte/vite';
import { defineConfig } from 'vitest/config';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'sdk', root: at('./sdk'), include: ['test/**/*.test.ts'], environment: 'node' } },
      {
        plugins: [svelte({ configFile: at('./web/svelte.config.js') }), svelteTesting()],
        resolve: { alias: { '@atelier/sdk': at('./sdk/src/index.ts') } },
        test: {
          name: 'web',
          root: at('./web'),
          include: ['test/**/*.test.ts', 'src/**/*.test.ts'],
          environment: 'jsdom',
          setupFiles: [at('./web/test/setup.ts')],
        },
      },
    ],
  },
});
