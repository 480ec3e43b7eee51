/** Bodies of plans, summaries and what belongs to every shared document. */
export type PlanStatus = 'draft' | 'review' | 'ready' | 'published' | 'retired';
export type SummaryStatus = 'pending' | 'generated' | 'in_refinement' | 'approved';
export type CollabLevel = 'view' | 'edit';
export type ContentFormat = 'json' | 'markdown' | 'html' | 'text';

export interface Member {
  id: string;
  displayName: string;
}
export interface DocumentState {
  clean: boolean;
  error: { code: string; fields: { field: string; why: string }[] } | null;
  frozenAt: string | null;
}
export interface AgendaItem {
  id: string;
  ordinal: number;
  title: string;
  description: string | null;
  durationMinutes: number | null;
  notes: string | null;
}
export interface BuilderSessionRow {
  id: string;
  document: string;
  title: string;
  subtitle: string | null;
  status: PlanStatus;
  scheduledAt: string | null;
  durationMinutes: number | null;
  agendaItems: number;
  mayEdit: boolean;
  createdBy: Member;
  createdAt: string;
  updatedAt: string;
}
export interface BuilderSession {
  id: string;
  document: string;
  title: string;
  subtitle: string | null;
  audience: string;
  objective: string;
  status: PlanStatus;
  scheduledAt: string | null;
  durationMinutes: number | null;
  agenda: AgendaItem[];
  lockVersion: number;
  mayEdit: boolean;
  mayInvite: boolean;
  createdBy: Member;
  createdAt: string;
  updatedAt: string;
  documentState: DocumentState;
}
export interface NewBuilderSession {
  title: string;
  audience: string;
  objective: string;
  subtitle?: string;
}
export interface ChangeBuilderSession {
  scheduledAt?: string | null;
  durationMinutes?: number | null;
  lockVersion?: number;
}
export interface ActionItem {
  id: string;
  text: string;
  owner: string | null;
  dueOn: string | null;
  done: boolean;
}
export interface SummaryRow {
  id: string;
  document: string;
  client: { id: string; name: string };
  sessionDate: string;
  status: SummaryStatus;
  mayEdit: boolean;
  approvedAt: string | null;
  updatedAt: string;
}
export interface Summary {
  id: string;
  document: string;
  client: { id: string; name: string };
  sessionDate: string;
  liveSession: string | null;
  status: SummaryStatus;
  wins: string | null;
  challenges: string | null;
  recommendations: string | null;
  actions: ActionItem[];
  edited: string | null;
  approvedAt: string | null;
  mayEdit: boolean;
  mayApprove: boolean;
  createdAt: string;
  updatedAt: string;
  documentState: DocumentState;
}
export interface NewSummary {
  clientName: string;
  clientEmail?: string;
  sessionDate: string;
  liveSession?: string;
}
export interface Collaborator {
  user: Member;
  level: CollabLevel;
}
export interface VersionAuthor {
  id: string;
  displayName: string | null;
}
export interface DocumentVersion {
  id: string;
  seq: number;
  reason: string;
  label: string | null;
  authors: VersionAuthor[];
  createdBy: string | null;
  createdAt: string;
}
export interface ItemDiff {
  id: string;
  fate: 'added' | 'removed' | 'changed' | 'same';
  moved: boolean;
  fields: { field: string; html: string }[];
}
export interface FieldDiff {
  field: string;
  html: string;
  items: ItemDiff[];
}
export interface VersionDiff {
  fields: FieldDiff[];
}
