/** What a shape is called where it cannot be seen. */
import type { Shape } from './shapes';
import { t } from './texts';

export function nameOf(shape: Shape): string {
  const kind = t(`kind.${shape.kind}`);
  const text = shape.text.replace(/\s+/g, ' ').trim();
  const short = text.length > 60 ? `${text.slice(0, 60)} …` : text;
  const what = short
    ? t('kind.said', { kind, text: short })
    : t('kind.color', { kind, color: t(`color.${shape.color}`) });
  return shape.locked ? t('kind.locked', { what }) : what;
}
