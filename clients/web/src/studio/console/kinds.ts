import type { PollKind } from '@atelier/sdk';
import type { IconName } from '../ui/icons';

/** The sign of each kind of poll. */
export const KIND_ICON: Record<PollKind, IconName> = {
  single: 'circle-dot',
  multiple: 'square-check-big',
  rating: 'gauge',
  openText: 'text-quote',
  wordCloud: 'cloud',
};
