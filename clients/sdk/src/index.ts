/** Atelier's client: a live session as a stream of immutable snapshots, and the HTTP API. */
export type * from './protocol';
export type * from './rest-types';
export { EMPTY, Refused } from './state';
export type { Connection, OutboxItem, Receipt, RoomState } from './state';
