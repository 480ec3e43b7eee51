/** A room client as reactive state. */
import type { Command, Receipt, RoomState } from '@atelier/sdk';

/** The part of the SDK's RoomClient the pages use; tests put a fake here. */
export interface Client {
  readonly state: RoomState;
  subscribe(listener: () => void): () => void;
  send(command: Command): Promise<Receipt>;
  close(): void;
}

export class Live {
  state = $state.raw() as RoomState;
  readonly send: (command: Command) => Promise<Receipt>;
  readonly stop: () => void;

  constructor(client: Client) {
    this.state = client.state;
    this.send = (command) => client.send(command);
    this.stop = client.subscribe(() => {
      this.state = client.state;
    });
  }
}
