/** The host's desk: one live session, what is chosen in it, and every step a host can take. */
import type { Command, PollDraft, PollView, QuestionView, Receipt, Right, Role, RoomState, Stage } from '@atelier/sdk';
import { newId } from '@atelier/sdk';
import { errorText, t } from '../lib/i18n';
import type { Notices } from '../lib/notices.svelte';
import { byPosition, resultsPublic } from '../lib/poll';

/** The part of the SDK's RoomClient the desk uses; tests put a fake here. */
export interface Room {
  readonly state: RoomState;
  subscribe(listener: () => void): () => void;
  send(command: Command): Promise<Receipt>;
  close(): void;
}

/** The one thing to do now. */
export type Primary = 'start' | 'go' | 'resume' | 'add' | 'open' | 'close' | 'reveal' | 'next' | 'none';

export class Desk {
  state = $state.raw<RoomState>() as RoomState;
  /** Chosen in the run of show; null follows the session. */
  chosen = $state<string | null>(null);
  readonly #room: Room;
  readonly #notices: Notices;
  readonly #stop: () => void;
  /** Commands under way, so that a button pressed twice asks once. */
  readonly #pending: Record<string, Promise<boolean>> = {};

  readonly session = $derived(this.state?.session ?? null);
  readonly status = $derived(this.session?.status ?? null);
  readonly over = $derived(this.status === 'ended' || this.status === 'cancelled');
  readonly polls = $derived([...(this.state?.polls ?? [])].sort(byPosition));
  readonly show = $derived(this.polls.filter((p) => p.status !== 'archived'));
  readonly archived = $derived(this.polls.filter((p) => p.status === 'archived'));
  readonly questions = $derived<readonly QuestionView[]>(this.state?.questions ?? []);
  readonly people = $derived(this.state?.people ?? []);
  readonly stage = $derived<Stage>(this.state?.stage?.show ?? { lobby: {} });
  readonly highlighted = $derived(this.state?.stage?.highlighted ?? null);
  readonly openPolls = $derived(this.polls.filter((p) => p.status === 'open'));
  readonly onStage = $derived('poll' in this.stage ? this.stage.poll.poll : null);
  readonly current = $derived(this.#pick());
  readonly primary = $derived(this.#primary());
  readonly canEnd = $derived(this.state?.you?.role === 'instructor');
  /** The host is gone, and this is somebody who may step in. */
  readonly mayTakeOver = $derived(
    !this.over && this.state?.you?.role === 'assistant' && this.state.integrity?.noInstructor === true,
  );

  constructor(room: Room, notices: Notices) {
    this.#room = room;
    this.#notices = notices;
    this.state = room.state;
    this.#stop = room.subscribe(() => {
      this.state = room.state;
    });
  }

  close(): void {
    this.#stop();
    this.#room.close();
  }

  #pick(): PollView | null {
    const by = (id: string | null) => (id === null ? undefined : this.polls.find((p) => p.id === id));
    return by(this.chosen) ?? this.openPolls[0] ?? by(this.onStage) ?? this.show[0] ?? null;
  }

  #primary(): Primary {
    switch (this.status) {
      case 'scheduled':
        return 'start';
      case 'starting':
        return 'go';
      case 'paused':
        return 'resume';
      case 'active':
        return this.#next();
      default:
        return 'none';
    }
  }

  #next(): Primary {
    const poll = this.current;
    if (!poll) return 'add';
    if (poll.status === 'draft') return 'open';
    if (poll.status === 'open') return 'close';
    if (poll.status === 'closed' && !resultsPublic(poll)) return 'reveal';
    return this.neighbour(1) ? 'next' : 'none';
  }

  /** Sends one command; says so when it is refused. True when it is recorded. Pressed twice, it is sent once. */
  do(command: Command): Promise<boolean> {
    const key = JSON.stringify(command);
    return (this.#pending[key] ??= this.#send(command, key));
  }

  async #send(command: Command, key: string): Promise<boolean> {
    try {
      await this.#room.send(command);
      return true;
    } catch (error) {
      this.#notices.error(errorText(error));
      return false;
    } finally {
      delete this.#pending[key];
    }
  }

  /** As `do`, with a word of confirmation and a way back. */
  async doUndoable(command: Command, said: string, back: Command): Promise<void> {
    if (!(await this.do(command))) return;
    this.#notices.done(said, { label: t('undo'), run: () => void this.do(back) });
  }

  // --- run of show

  choose(id: string): void {
    this.chosen = id;
  }

  neighbour(step: 1 | -1): PollView | null {
    const at = this.show.findIndex((p) => p.id === this.current?.id);
    return this.show[at + step] ?? null;
  }

  /** Goes along the run of show; what has been asked already comes back on the screen, a draft waits to be opened. */
  async step(step: 1 | -1): Promise<void> {
    const poll = this.neighbour(step);
    if (!poll) return;
    this.choose(poll.id);
    if (poll.status !== 'draft' && this.status === 'active') await this.put({ poll: { poll: poll.id } });
  }

  /** Polls that must close first, because only so many may be open at once. */
  inTheWay(poll: PollView): PollView[] {
    const most = this.session?.settings.polls.maxOpen ?? 1;
    const others = this.openPolls.filter((p) => p.id !== poll.id);
    return others.slice(0, Math.max(0, others.length - most + 1));
  }

  async open(poll: PollView): Promise<void> {
    this.choose(poll.id);
    for (const other of this.inTheWay(poll)) {
      if (!(await this.do({ closePoll: { poll: other.id } }))) return;
    }
    if (!(await this.do({ openPoll: { poll: poll.id, seconds: null } }))) return;
    await this.put({ poll: { poll: poll.id } });
  }

  async save(draft: PollDraft, poll?: PollView): Promise<boolean> {
    if (poll) return this.do({ editPoll: { poll: poll.id, draft } });
    const id = newId();
    const made = await this.do({ createPoll: { poll: id, draft } });
    if (made) this.choose(id);
    return made;
  }

  async copy(poll: PollView): Promise<void> {
    const { question, kind, options, minChoices, maxChoices, lowLabel, highLabel, visibility, allowChange, seconds } =
      poll;
    const draft: PollDraft = { question, kind, visibility, allowChange };
    if (options.length > 0) draft.options = options;
    if (kind === 'multiple') Object.assign(draft, { minChoices, maxChoices });
    if (kind === 'wordCloud') draft.maxChoices = maxChoices;
    if (lowLabel) draft.lowLabel = lowLabel;
    if (highLabel) draft.highLabel = highLabel;
    if (seconds !== null) draft.seconds = seconds;
    await this.save(draft);
  }

  move(poll: PollView, step: 1 | -1): Promise<boolean> {
    const at = this.show.findIndex((p) => p.id === poll.id);
    const other = this.show[at + step];
    return other ? this.do({ movePoll: { poll: poll.id, position: other.position } }) : Promise.resolve(false);
  }

  async archive(poll: PollView): Promise<void> {
    if (this.chosen === poll.id) this.chosen = this.neighbour(1)?.id ?? this.neighbour(-1)?.id ?? null;
    await this.doUndoable({ archivePoll: { poll: poll.id, archived: true } }, t('said.archived'), {
      archivePoll: { poll: poll.id, archived: false },
    });
  }

  // --- stage and questions

  /** Puts something on the big screen unless it is there already. */
  async put(stage: Stage): Promise<void> {
    if (JSON.stringify(stage) === JSON.stringify(this.stage)) return;
    await this.do({ show: { stage } });
  }

  /** Marks a question for everybody, or takes the mark away. */
  highlight(id: string): Promise<boolean> {
    return this.do({ highlight: { question: this.highlighted === id ? null : id } });
  }

  permit(participant: string, permission: Right, granted: boolean): Promise<boolean> {
    return this.do({ permit: { participant, permission, granted } });
  }

  async takeOver(): Promise<void> {
    if (await this.do({ takeOver: {} })) this.#notices.done(t('lead.yours'));
  }

  role(participant: string, role: Role): Promise<boolean> {
    return this.do({ setRole: { participant, role } });
  }
}
