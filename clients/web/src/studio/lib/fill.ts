/** Fills a track to `part` percent from the left. Set through the style object, which the content policy allows. */
export function fill(part: number): (node: HTMLElement) => void {
  return (node) => {
    node.style.transform = `translateX(${Math.max(0, Math.min(100, part)) - 100}%)`;
  };
}
