/** Tickets for the socket: each is good for one connection, so each connection asks for its own. */
import { codeOf, type StudioApi } from '../lib/api';

const TRIES = 3;

export function ticketOf(api: StudioApi, document: string, onunauthenticated: () => void): () => Promise<string> {
  return async () => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await api.documentTicket(document)).token;
      } catch (error) {
        if (codeOf(error) === 'unauthenticated') onunauthenticated();
        if (codeOf(error) !== 'unreachable' || attempt === TRIES) throw error;
        await new Promise((done) => setTimeout(done, 1_000 * attempt));
      }
    }
  };
}

/** Is this a page that is not there, or not for whoever asks? */
export function isMissing(error: unknown): boolean {
  return ['not_found', 'forbidden', 'malformed', 'invalid'].includes(codeOf(error) ?? '');
}
