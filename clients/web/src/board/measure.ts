/** How wide words are on this screen. */
import { FONT } from './export';
import { guess, type Measure } from './words';

const MOST_KNOWN = 20_000;
const AT = 100;

/** Measures each text once, in one size: widths grow with it. */
export function measurer(): Measure {
  const context = document.createElement('canvas').getContext('2d');
  if (!context) return guess;
  context.font = `${AT}px ${FONT}`;
  const known = new Map<string, number>();
  return (text, size) => {
    let width = known.get(text);
    if (width === undefined) {
      if (known.size >= MOST_KNOWN) known.clear();
      known.set(text, (width = context.measureText(text).width));
    }
    return (width * size) / AT;
  };
}
