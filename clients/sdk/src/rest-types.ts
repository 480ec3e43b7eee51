/** Bodies of the HTTP API. */
import type { Status } from './gen/Status';

export type Id = string;

export interface Page<T> {
  items: T[];
  /** Cursor of the next page; null: this was the last. */
  next: string | null;
}

export interface Account {
  user: { id: Id; email: string; firstName: string; lastName: string; displayName: string };
  organization: { id: Id; name: string; slug: string };
  permissions: string[];
  token?: string;
}

export interface Registration {
  email: string;
  password: string;
  firstName: string;
  lastName: string;
  organizationName: string;
}

export interface Login {
  email: string;
  password: string;
  organizationId?: Id;
}

export interface NewLiveSession {
  title: string;
  description?: string;
  scheduledStart?: string;
  scheduledEnd?: string;
  maxParticipants?: number;
  needsName?: boolean;
  features?: string[];
}

export interface LiveSession {
  id: Id;
  joinCode: string;
  title: string;
  description: string | null;
  status: Status;
  scheduledStart: string;
  scheduledEnd: string;
  actualStart: string | null;
  actualEnd: string | null;
  maxParticipants: number;
  needsName: boolean;
  features: string[];
  participantCount: number;
  createdAt: string;
}

export interface Ticket {
  token: string;
  url: string;
  expiresAt: string;
}

export interface Link {
  id: Id;
  scope: 'present';
  token?: string;
  url?: string;
  expiresAt: string;
}

export interface JoinInfo {
  liveSessionId: Id;
  title: string;
  status: Status;
  needsName: boolean;
  scheduledStart: string;
}

export interface Joined {
  liveSessionId: Id;
  participantId: Id;
  token: string;
  url: string;
}

export interface FieldError {
  field: string;
  code: string;
  message: string;
}

/** The body of an answer that is not a success (RFC 9457). */
export interface ProblemBody {
  type?: string;
  title?: string;
  status?: number;
  code?: string;
  detail?: string;
  errors?: FieldError[];
  requestId?: string;
}
