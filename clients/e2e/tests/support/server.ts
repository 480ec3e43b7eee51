/** The server under test: the debug binary, beside the private database of `scripts/with-postgres.sh`. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
export const BINARY = process.env.E2E_BINARY ?? `${ROOT}target/debug/atelier`;

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

/** One address does everything here, so the bounds per address are out of the way. */
export function serverEnv(port: number): Record<string, string> {
  const database = process.env.DATABASE_URL;
  if (!database) throw new Error('No database: run `scripts/with-postgres.sh npm run e2e --prefix clients`.');
  if (!existsSync(BINARY)) throw new Error(`No server at ${BINARY}: run \`cargo build --bin atelier\`.`);
  const often = '100000/60s';
  return {
    DATABASE_URL: database,
    ATELIER_LISTEN: `127.0.0.1:${port}`,
    ATELIER_LOG: 'warn',
    ATELIER_DRAIN_SECONDS: '1',
    // Rights are looked at again all the time, so that every test would notice if that disturbed anybody.
    ATELIER_LIMIT_RECHECK_SECONDS: '2',
    ATELIER_RATE_LOGIN: often,
    ATELIER_RATE_LOGIN_EMAIL: often,
    ATELIER_RATE_JOIN: often,
    ATELIER_RATE_JOIN_UNKNOWN: often,
    ATELIER_RATE_REGISTER: often,
  };
}

/** A server of one's own, to be killed and started again on the same port and database. */
export class OwnServer {
  readonly url: string;
  #child: ChildProcess | null = null;

  private constructor(private readonly port: number) {
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<OwnServer> {
    const server = new OwnServer(await freePort());
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const child = spawn(BINARY, [], { env: { ...process.env, ...serverEnv(this.port) }, stdio: 'ignore' });
    this.#child = child;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
      const ready = await fetch(`${this.url}/health/ready`).catch(() => null);
      if (ready?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** As a power cut does it. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
}
