/** Bodies of the HTTP API, under one roof; generated from the server's types. */
import type { LinkView } from './gen/LinkView';
import type { NewLink } from './gen/NewLink';

export type { Account } from './gen/Account';
export type { Attempt } from './gen/Attempt';
export type { Attribution } from './gen/Attribution';
export type { Author } from './gen/Author';
export type { AuthoredRange } from './gen/AuthoredRange';
export type { CreateSession as NewLiveSession } from './gen/CreateSession';
export type { Diagnosis } from './gen/Diagnosis';
export type { DuplicateSession } from './gen/DuplicateSession';
export type { FieldError } from './gen/FieldError';
export type { FieldDiff } from './gen/FieldDiff';
export type { ItemDiff } from './gen/ItemDiff';
export type { JoinInfo } from './gen/JoinInfo';
export type { Joined } from './gen/Joined';
export type { LinkRequest } from './gen/LinkRequest';
export type { LiveSession } from './gen/LiveSession';
export type { Login } from './gen/Login';
export type { NewLink } from './gen/NewLink';
export type { NotesChange } from './gen/NotesChange';
export type { FileView } from './gen/FileView';
export type { NotesView } from './gen/NotesView';
export type { SharedDocuments } from './gen/SharedDocuments';
export type { WhiteboardChange } from './gen/WhiteboardChange';
export type { WhiteboardView } from './gen/WhiteboardView';
export type { Page } from './gen/Page';
export type { ParticipantRow } from './gen/ParticipantRow';
export type { ParticipantsMay } from './gen/ParticipantsMay';
export type { Plan } from './gen/Plan';
export type { PollRow } from './gen/PollRow';
export type { ProblemBody } from './gen/ProblemBody';
export type { QuestionRow } from './gen/QuestionRow';
export type { Register as Registration } from './gen/Register';
export type { Results } from './gen/Results';
export type { Ticket } from './gen/Ticket';
export type { VersionDiff } from './gen/VersionDiff';
export type { VersionReason } from './gen/VersionReason';
export type { VersionView } from './gen/VersionView';

export type Id = string;
/** A link as listed; fresh ones also carry their token and address, this once. */
export type Link = Omit<LinkView, 'createdAt'> &
  Partial<Pick<LinkView, 'createdAt'>> &
  Partial<Pick<NewLink, 'token' | 'url'>>;
