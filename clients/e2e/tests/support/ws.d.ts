/** As much of `ws` as is used; Node 20 has no WebSocket of its own. */
declare module 'ws' {
  export const WebSocket: unknown;
}
