import { defineConfig, devices } from '@playwright/test';

const baseURL = process.env.ATELIER_URL ?? 'http://127.0.0.1:8080';
const chromium = {
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
  ],
};

export default defineConfig({
  testDir: 'tests',
  workers: 2,
  outputDir: 'results',
  use: {
    baseURL,
    launchOptions: chromium,
    trace: 'retain-on-failure',
    contextOptions: { reducedMotion: 'reduce' },
  },
  projects: [
    { name: 'phone', use: { ...devices['Pixel 7'], launchOptions: chromium } },
    { name: 'wall', use: { viewport: { width: 1920, height: 1080 } } },
  ],
});
