/** A proxy in front of the server, set up as badly as proxies are: for sockets, and for streams. */
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface Fault {
  /** What becomes of a request for a socket: nothing of ours, a plain request, no answer, or a line that is cut. */
  sockets?: 'refused' | 'stripped' | 'swallowed' | 'cut';
  /** Streams are gathered and passed on when they have ended. */
  gathers?: boolean;
  /** Nothing that is posted gets through. */
  posts?: 'refused';
}

const PASSED_ON = new Set(['connection', 'upgrade', 'keep-alive', 'transfer-encoding']);
const CUT_AFTER = 1_500;

export class Proxy {
  fault: Fault;
  readonly #target: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();

  private constructor(target: string, fault: Fault) {
    this.fault = fault;
    this.#target = new URL(target);
    this.#server = createServer((incoming, outgoing) => this.#pass(incoming, outgoing));
    this.#server.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) =>
      this.#upgrade(incoming, socket, head),
    );
    this.#server.on('connection', (socket) => this.#know(socket));
  }

  static async before(target: string, fault: Fault): Promise<Proxy> {
    const proxy = new Proxy(target, fault);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Every line breaks. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #know(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    if (this.fault.posts === 'refused' && incoming.method === 'POST') {
      outgoing.writeHead(403, { 'content-type': 'text/html' }).end('<h1>Blocked by policy</h1>');
      return;
    }
    const headers = Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => !PASSED_ON.has(name)));
    const { hostname, port } = this.#target;
    const onward = request({ hostname, port, path: incoming.url, method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      if (!this.fault.gathers || !answer.headers['content-type']?.startsWith('text/event-stream')) {
        outgoing.flushHeaders();
        answer.pipe(outgoing);
        return;
      }
      const gathered: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => gathered.push(chunk));
      answer.on('end', () => outgoing.end(Buffer.concat(gathered)));
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  }

  #upgrade(incoming: IncomingMessage, socket: Socket, head: Buffer): void {
    this.#know(socket);
    const { sockets } = this.fault;
    if (sockets === 'swallowed') return;
    if (sockets === 'refused') {
      socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      return;
    }
    const names = incoming.rawHeaders.filter((_, n) => n % 2 === 0);
    const lines = names
      .filter((name) => sockets !== 'stripped' || !/^(connection|upgrade)$/i.test(name))
      .map((name) => `${name}: ${incoming.headers[name.toLowerCase()]}`);
    if (sockets === 'stripped') lines.push('connection: close');
    const onward = connect(Number(this.#target.port), this.#target.hostname, () => {
      onward.write(`GET ${incoming.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      onward.write(head);
      socket.pipe(onward);
      onward.pipe(socket);
      if (sockets === 'cut') setTimeout(() => (socket.destroy(), onward.destroy()), CUT_AFTER);
    });
    this.#know(onward);
    socket.on('close', () => onward.destroy());
    onward.on('close', () => socket.destroy());
  }
}
