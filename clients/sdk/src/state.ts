/** What a client knows about a session at one moment. Snapshots are never changed, only replaced. */
import type {
  Code,
  Command,
  Integrity,
  PersonView,
  PollView,
  QuestionView,
  SessionView,
  StageView,
  You,
} from './protocol';

export type Connection = 'connecting' | 'live' | 'reconnecting' | 'closed';

/** A command on its way. `recorded` and `refused` ones stay for a moment, so that the page can say so. */
export interface OutboxItem {
  readonly ref: number;
  readonly command: Command;
  readonly status: 'sending' | 'recorded' | 'refused';
  /** When the server recorded it. */
  readonly at?: string;
  readonly code?: Code;
  readonly message?: string;
}

export interface RoomState {
  readonly connection: Connection;
  /** Why it is closed for good. */
  readonly closedCode?: number;
  /** The newest number held; null: nothing yet. */
  readonly seq: number | null;
  /** Server time minus local time, in milliseconds. */
  readonly clockOffsetMs: number;
  readonly you: You | null;
  readonly session: SessionView | null;
  readonly stage: StageView | null;
  /** By position. */
  readonly polls: readonly PollView[];
  /** Oldest first. */
  readonly questions: readonly QuestionView[];
  readonly people: readonly PersonView[];
  /** Participants connected now. */
  readonly online: number;
  readonly integrity: Integrity | null;
  readonly outbox: readonly OutboxItem[];
}

/** Proof that a command was recorded. */
export interface Receipt {
  readonly ref: number;
  readonly seq: number;
  readonly at: string;
}

/** A command that was refused: final, nothing happened. */
export class Refused extends Error {
  constructor(
    readonly code: Code,
    message: string,
  ) {
    super(message);
    this.name = 'Refused';
  }
}

export const EMPTY: RoomState = {
  connection: 'connecting',
  seq: null,
  clockOffsetMs: 0,
  you: null,
  session: null,
  stage: null,
  polls: [],
  questions: [],
  people: [],
  online: 0,
  integrity: null,
  outbox: [],
};
