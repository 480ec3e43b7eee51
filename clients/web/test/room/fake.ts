/** The SDK's client, faked: what is sent is remembered, and the test says what comes of it. */
import { EMPTY, Refused, type Code, type Command, type OutboxItem, type Receipt, type RoomState } from '@atelier/sdk';
import axe from 'axe-core';
import { expect, vi } from 'vitest';
import { session, sessionState, you } from '../../../sdk/test/fake';
import type { Client } from '../../src/room/lib/live.svelte';
import { more, texts } from '../../src/room/lib/texts';

export * from '../../../sdk/test/fake';

export class FakeClient implements Client {
  state: RoomState;
  sent: Command[] = [];
  close = vi.fn();
  #listeners = new Set<() => void>();
  #answers = new Map<number, { resolve: (r: Receipt) => void; reject: (e: unknown) => void }>();

  constructor(given: Partial<RoomState> = {}) {
    const { session, stage, polls, questions, people } = sessionState();
    this.state = {
      ...EMPTY,
      connection: 'live',
      seq: 1,
      you: you(),
      session,
      stage,
      polls,
      questions,
      people,
      online: 42,
      ...given,
    };
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(change: Partial<RoomState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.#listeners) listener();
  }

  send(command: Command): Promise<Receipt> {
    const ref = this.sent.push(command);
    this.set({ outbox: [...this.state.outbox, { ref, command, status: 'sending' }] });
    return new Promise((resolve, reject) => this.#answers.set(ref, { resolve, reject }));
  }

  ack(at: string): void {
    const ref = this.sent.length;
    this.#settle(ref, { status: 'recorded', at });
    this.#answers.get(ref)!.resolve({ ref, seq: 2, at });
  }

  refuse(code: Code): void {
    const ref = this.sent.length;
    this.#settle(ref, { status: 'refused', code, message: code });
    this.#answers.get(ref)!.reject(new Refused(code, code));
  }

  #settle(ref: number, outcome: Partial<OutboxItem>): void {
    this.set({ outbox: this.state.outbox.map((i) => (i.ref === ref ? { ...i, ...outcome } : i)) });
  }
}

export const settings = (given: object) => session({ settings: { ...session().settings, ...given } });

export async function english(): Promise<void> {
  await texts.use('en');
  await texts.add(more);
}

/** No fault that axe can see in a page without a layout. */
export async function expectAccessible(): Promise<void> {
  const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const result = await axe.run(document.body, {
    runOnly: rules,
    rules: {
      'color-contrast': { enabled: false },
      region: { enabled: false },
      'page-has-heading-one': { enabled: true },
    },
  });
  expect(result.violations.map((v) => `${v.id}: ${v.nodes[0]?.html}`)).toEqual([]);
}
