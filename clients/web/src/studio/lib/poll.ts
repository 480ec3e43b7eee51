/** What the console knows about polls beyond the protocol: drafts, shares, what the big screen may show. */
import { newId, type PollDraft, type PollKind, type PollView } from '@atelier/sdk';

export const KINDS: readonly PollKind[] = ['single', 'multiple', 'rating', 'openText', 'wordCloud'];
export const MIN_SECONDS = 5;
export const MAX_SECONDS = 86_400;

/** True for kinds whose answer is a choice among options. */
export function hasOptions(kind: PollKind): boolean {
  return kind === 'single' || kind === 'multiple' || kind === 'rating';
}

/** A, B, C … Z, AA … for the badge in front of an option. */
export function letter(index: number): string {
  const rest = Math.floor(index / 26);
  return (rest > 0 ? letter(rest - 1) : '') + String.fromCharCode(65 + (index % 26));
}

/** May people other than hosts see the result at this moment? */
export function resultsPublic(poll: Pick<PollView, 'visibility' | 'revealed' | 'status'>): boolean {
  if (poll.revealed || poll.visibility === 'always') return true;
  return poll.visibility !== 'never' && poll.status !== 'open' && poll.status !== 'draft';
}

/** Votes were cast: options may not be changed any more, only put right by a reset. */
export function hasVotes(poll: PollView): boolean {
  return (poll.tally?.voters ?? 0) > 0 || poll.past.length > 0;
}

export function byPosition(a: PollView, b: PollView): number {
  return a.position - b.position;
}

/** The editor's working copy: every field present, whatever the kind, so that a change of kind loses nothing. */
export interface Working {
  question: string;
  kind: PollKind;
  options: { id: string; label: string }[];
  min: number;
  max: number | null;
  words: number;
  steps: number;
  low: string;
  high: string;
  visibility: PollView['visibility'];
  allowChange: boolean;
  seconds: number | null;
}

export function blankWorking(): Working {
  return {
    question: '',
    kind: 'single',
    options: [option(''), option('')],
    min: 1,
    max: null,
    words: 3,
    steps: 5,
    low: '',
    high: '',
    visibility: 'afterClose',
    allowChange: true,
    seconds: null,
  };
}

export function option(label: string): { id: string; label: string } {
  return { id: newId(), label };
}

export function workingFrom(poll: PollView): Working {
  const base = blankWorking();
  return {
    ...base,
    question: poll.question,
    kind: poll.kind,
    options: poll.kind === 'single' || poll.kind === 'multiple' ? poll.options.map((o) => ({ ...o })) : base.options,
    min: Math.max(1, poll.minChoices),
    max: poll.kind === 'multiple' && poll.maxChoices < poll.options.length ? poll.maxChoices : null,
    words: poll.kind === 'wordCloud' ? poll.maxChoices : base.words,
    steps: poll.kind === 'rating' ? poll.options.length : base.steps,
    low: poll.lowLabel ?? '',
    high: poll.highLabel ?? '',
    visibility: poll.visibility,
    allowChange: poll.allowChange,
    seconds: poll.seconds,
  };
}

/** Where the working copy cannot be sent yet: field name to the key of the text that says why. */
export type Faults = Partial<Record<'question' | 'options' | 'min' | 'max' | 'seconds', FaultKey>>;
export type FaultKey =
  | 'editor.fault.question'
  | 'editor.fault.options'
  | 'editor.fault.twice'
  | 'editor.fault.min'
  | 'editor.fault.max'
  | 'editor.fault.seconds';

export function faults(w: Working): Faults {
  const found: Faults = {};
  if (w.question.trim() === '') found.question = 'editor.fault.question';
  if (w.kind === 'single' || w.kind === 'multiple') {
    const labels = filled(w).map((o) => o.label.trim().toLocaleLowerCase());
    if (labels.length < 2) found.options = 'editor.fault.options';
    else if (new Set(labels).size < labels.length) found.options = 'editor.fault.twice';
    if (w.kind === 'multiple' && labels.length >= 2) {
      if (w.min < 1 || w.min > labels.length) found.min = 'editor.fault.min';
      else if (w.max !== null && (w.max < w.min || w.max > labels.length)) found.max = 'editor.fault.max';
    }
  }
  if (w.seconds !== null && !(w.seconds >= MIN_SECONDS && w.seconds <= MAX_SECONDS)) {
    found.seconds = 'editor.fault.seconds';
  }
  return found;
}

function filled(w: Working): { id: string; label: string }[] {
  return w.options.filter((o) => o.label.trim() !== '');
}

/** What goes over the wire. `before` keeps the ids of a rating's steps, so that votes stay with their step. */
export function draftFrom(w: Working, before?: PollView): PollDraft {
  const draft: PollDraft = {
    question: w.question.trim(),
    kind: w.kind,
    visibility: w.visibility,
    allowChange: w.allowChange,
  };
  if (w.kind === 'single' || w.kind === 'multiple') {
    draft.options = filled(w).map((o) => ({ id: o.id, label: o.label.trim() }));
  }
  if (w.kind === 'multiple') {
    draft.minChoices = w.min;
    if (w.max !== null) draft.maxChoices = w.max;
  }
  if (w.kind === 'rating') {
    const kept = before?.kind === 'rating' ? before.options : [];
    draft.options = Array.from({ length: w.steps }, (_, i) => kept[i] ?? option(String(i + 1)));
    if (w.low.trim()) draft.lowLabel = w.low.trim();
    if (w.high.trim()) draft.highLabel = w.high.trim();
  }
  if (w.kind === 'wordCloud') draft.maxChoices = w.words;
  if (w.seconds !== null) draft.seconds = w.seconds;
  return draft;
}
