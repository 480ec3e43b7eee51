/** Bodies of the HTTP API, under one roof; generated from the server's types. */
import type { LinkView } from './gen/LinkView';
import type { Member } from './gen/Member';
import type { NewLink } from './gen/NewLink';

export type { Account } from './gen/Account';
export type { ActionItem } from './gen/ActionItem';
export type { AgendaItem } from './gen/AgendaItem';
export type { Attempt } from './gen/Attempt';
export type { Attribution } from './gen/Attribution';
export type { Author } from './gen/Author';
export type { AuthoredRange } from './gen/AuthoredRange';
export type { BuilderSession } from './gen/BuilderSession';
export type { BuilderSessionRow } from './gen/BuilderSessionRow';
export type { ChangeBuilderSession } from './gen/ChangeBuilderSession';
export type { CreateBuilderSession as NewBuilderSession } from './gen/CreateBuilderSession';
export type { CreateSession as NewLiveSession } from './gen/CreateSession';
export type { CreateSummary as NewSummary } from './gen/CreateSummary';
export type { Diagnosis } from './gen/Diagnosis';
export type { DocumentState } from './gen/DocumentState';
export type { DuplicateSession } from './gen/DuplicateSession';
export type { FieldDiff } from './gen/FieldDiff';
export type { FieldError } from './gen/FieldError';
export type { FileView } from './gen/FileView';
export type { ItemDiff } from './gen/ItemDiff';
export type { Joined } from './gen/Joined';
export type { JoinInfo } from './gen/JoinInfo';
export type { KeptVersion } from './gen/KeptVersion';
export type { LinkRequest } from './gen/LinkRequest';
export type { LiveSession } from './gen/LiveSession';
export type { Login } from './gen/Login';
export type { Member } from './gen/Member';
export type { NewLink } from './gen/NewLink';
export type { NotesChange } from './gen/NotesChange';
export type { NotesView } from './gen/NotesView';
export type { Page } from './gen/Page';
export type { ParticipantRow } from './gen/ParticipantRow';
export type { ParticipantsMay } from './gen/ParticipantsMay';
export type { Plan } from './gen/Plan';
export type { PollRow } from './gen/PollRow';
export type { ProblemBody } from './gen/ProblemBody';
export type { QuestionRow } from './gen/QuestionRow';
export type { Register as Registration } from './gen/Register';
export type { Results } from './gen/Results';
export type { Summary } from './gen/Summary';
export type { SummaryRow } from './gen/SummaryRow';
export type { Ticket } from './gen/Ticket';
export type { VersionDiff } from './gen/VersionDiff';
export type { VersionReason } from './gen/VersionReason';
export type { VersionView } from './gen/VersionView';
export type { Writer } from './gen/Writer';

export type Id = string;
/** How far somebody who was invited to a document reaches in it. */
export type CollabLevel = 'view' | 'edit';
/** Somebody who was invited to a document. */
export type Collaborator = Member & { level: CollabLevel; createdAt: string };
/** How the text of a document is written down. */
export type ContentFormat = 'json' | 'markdown' | 'html' | 'text';
/** A link as listed; fresh ones also carry their token and address, this once. */
export type Link = Omit<LinkView, 'createdAt'> &
  Partial<Pick<LinkView, 'createdAt'>> &
  Partial<Pick<NewLink, 'token' | 'url'>>;
