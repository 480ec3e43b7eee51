/** The way from a code into the session: what to show next, and why not. */
import { join, joinInfo, type JoinInfo, type Problem } from '@atelier/sdk';
import { cleanCode, keepSeat, LENGTH, seatOf, strangers } from '../lib/codes';
import { faultText, t } from '../lib/texts';

/** What is wrong with a code before anybody is asked; empty when nothing is. */
export function codeFault(typed: string): string {
  const code = cleanCode(typed);
  if (!code) return t('join.fault.empty');
  const strange = strangers(code);
  if (strange.length > 0) return t('join.fault.letters', { letters: strange.join(', ') });
  return code.length === LENGTH ? '' : t('join.fault.length', { n: code.length });
}

export type Answer<T> = { ok: T } | { code: string; fault: string; retryAfter: number };

async function ask<T>(call: Promise<T>): Promise<Answer<T>> {
  try {
    return { ok: await call };
  } catch (error) {
    const { code, retryAfter } = error as Problem;
    return { code: code ?? 'internal', fault: faultText(error), retryAfter: retryAfter ?? 0 };
  }
}

export function look(code: string): Promise<Answer<JoinInfo>> {
  return ask(joinInfo({}, code));
}

/** Comes in and keeps the seat. */
export async function enter(code: string, name: string): Promise<Answer<true>> {
  const token = seatOf(code)?.token;
  const answer = await ask(join(token ? { token } : {}, code, name.trim() || undefined));
  if (!('ok' in answer)) return answer;
  keepSeat(code, { token: answer.ok.token, participantId: answer.ok.participantId });
  return { ok: true };
}
