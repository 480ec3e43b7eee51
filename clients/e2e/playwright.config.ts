import { defineConfig } from '@playwright/test';
import { BINARY, freePort, serverEnv } from './tests/support/server';

// Chosen once, in the main process; the workers inherit it.
process.env.E2E_PORT ??= String(await freePort());
const port = Number(process.env.E2E_PORT);
const baseURL = `http://127.0.0.1:${port}`;

export default defineConfig({
  testDir: 'tests',
  testMatch: process.env.E2E_SCREENSHOTS
    ? ['screenshots', 'notes', 'editor', 'drafts', 'signed', 'board', 'plans', 'summaries'].map(
        (name) => `${name}.spec.ts`,
      )
    : '*.spec.ts',
  testIgnore: process.env.E2E_SCREENSHOTS ? [] : 'screenshots.spec.ts',
  workers: 2,
  fullyParallel: true,
  forbidOnly: Boolean(process.env.CI),
  timeout: 120_000,
  expect: { timeout: 15_000 },
  outputDir: 'results',
  reporter: 'list',
  use: {
    baseURL,
    locale: 'en-GB',
    trace: 'retain-on-failure',
    actionTimeout: 15_000,
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--disable-dev-shm-usage',
        // The screenshots show an address that somebody could have.
        `--host-resolver-rules=MAP atelier.example:80 127.0.0.1:${port}`,
      ],
    },
  },
  webServer: {
    command: `"${BINARY}"`,
    env: serverEnv(port),
    url: `${baseURL}/health/ready`,
    reuseExistingServer: false,
    gracefulShutdown: { signal: 'SIGTERM', timeout: 5_000 },
    stdout: 'ignore',
    stderr: 'pipe',
  },
});
