/** What the pages need of the HTTP API; tests hand in a fake of it. */
import type { Api } from '@atelier/sdk';

export type StudioApi = Pick<
  Api,
  | 'me'
  | 'login'
  | 'register'
  | 'logout'
  | 'liveSessions'
  | 'liveSession'
  | 'createLiveSession'
  | 'updateLiveSession'
  | 'duplicateLiveSession'
  | 'ticket'
  | 'links'
  | 'createLink'
  | 'revokeLink'
  | 'results'
  | 'notes'
  | 'changeNotes'
  | 'plans'
  | 'plan'
  | 'createPlan'
  | 'updatePlan'
  | 'deletePlan'
  | 'summaries'
  | 'summary'
  | 'createSummary'
  | 'approveSummary'
  | 'reopenSummary'
  | 'deleteSummary'
  | 'members'
  | 'documentTicket'
  | 'collaborators'
  | 'setCollaborator'
  | 'removeCollaborator'
  | 'content'
  | 'versions'
  | 'nameVersion'
  | 'versionContent'
  | 'versionDiff'
  | 'restoreVersion'
>;

/** Faults by field, as the server names them, for the message beside each field. */
export function fieldFaults(error: unknown): Record<string, string> {
  const errors = (error as { errors?: readonly { field: string; message: string }[] } | null)?.errors ?? [];
  return Object.fromEntries(errors.map((e) => [e.field.replace(/^\//, ''), e.message]));
}

export function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | null)?.code;
}
