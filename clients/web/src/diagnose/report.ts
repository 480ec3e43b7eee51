/** The whole test as text for whoever is asked for help. In English: it is read by technicians. No secrets. */
import type { Judgement } from './judge';
import type { Facts } from './measure';

export function report(facts: Facts, { verdict, findings }: Judgement, page: string, agent: string, now: Date): string {
  const { server, socket, stream, answer, send } = facts;
  const some = (values: readonly number[]) => (values.length > 0 ? values.join(' ') : 'none');
  const told = (value: boolean) => (value ? 'yes' : 'no');
  const lines: [string, string][] = [
    ['time', `${now.toISOString()} by this device, whose clock is ${seconds(-server.skewMs)} ahead of the server`],
    ['page', page],
    ['browser', agent],
    ['online', told(facts.online)],
    ['verdict', verdict],
    ['findings', findings.map((finding) => finding.trouble).join(', ') || 'none'],
    ['server', `status ${server.status ?? 'none'}, ours ${told(server.ours)}, knows https ${told(server.secure)}`],
    ['round trips', `${some(server.trips)} ms`],
  ];
  const limited = [server, socket, stream, answer, send].some((part) => part?.limited) || socket?.attempt.refused;
  if (limited) lines.push(['limited', 'the server would not run or tell some of the tests, there were too many']);
  if (socket) {
    const ended = socket.endedMs === null ? 'not cut' : `cut after ${socket.endedMs} ms`;
    const open = socket.openMs === null ? 'never opened' : `open after ${socket.openMs} ms, ${ended}`;
    const { arrived, upgrade } = socket.attempt;
    lines.push(['websocket', `${open}, echoes ${some(socket.echoMs)} ms, /live/ws closed with ${socket.doorCode}`]);
    lines.push(['seen by server', `arrived ${told(arrived)}, as an upgrade ${told(upgrade)}`]);
  }
  if (stream) {
    const encoding = stream.encoding ? `, encoded ${stream.encoding}` : '';
    lines.push(['stream', `status ${stream.status ?? 'none'}, events after ${some(stream.cameMs)} ms${encoding}`]);
  }
  if (answer) lines.push(['long poll', `status ${answer.status ?? 'none'}, ${answer.tookMs} ms`]);
  if (send) {
    const header = send.authorized ? 'kept' : 'lost';
    lines.push(['post', `status ${send.status ?? 'none'}, arrived ${told(send.arrived)}, authorization ${header}`]);
  }
  const width = Math.max(...lines.map(([name]) => name.length)) + 2;
  return ['Atelier connection check', ...lines.map(([name, text]) => `${`${name}:`.padEnd(width)}${text}`)].join('\n');
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
