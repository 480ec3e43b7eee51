/** Atelier's client: a live session as a stream of immutable snapshots, and the HTTP API. */
export type * from './protocol';
export type * from './rest-types';
export { newId } from './ids';
export type { Store } from './outbox';
export { mean, percents, reduce, shares } from './reduce';
export { Api, call, join, joinInfo, Problem } from './rest';
export type { Paging, RestOptions } from './rest';
export { RoomClient } from './room';
export type { RoomOptions, Socket, SocketClass } from './room';
export { Saved } from './saved';
export type { YWebsocketProvider } from './saved';
export { EMPTY, Refused } from './state';
export type { Connection, OutboxItem, Receipt, RoomState } from './state';
