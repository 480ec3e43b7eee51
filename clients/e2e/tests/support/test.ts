/** `test` with people: each has a browser of their own, and whatever a page complains about fails the test. */
import { expect, test as base } from '@playwright/test';
import type { Browser, BrowserContext, ConsoleMessage, Page } from '@playwright/test';
import { PASSWORD, Workshop, type Person } from './workshop';

export { expect };
export const PHONE = { width: 390, height: 844 };
export const DESK = { width: 1440, height: 900 };
export const WALL = { width: 1920, height: 1080 };

type Look = Parameters<Browser['newContext']>[0];

export class House {
  readonly #contexts: BrowserContext[] = [];
  readonly #allowed: RegExp[] = [];
  readonly complaints: string[] = [];

  constructor(
    private readonly make: (look: Look) => Promise<BrowserContext>,
    readonly base: string,
  ) {}

  /** What this test provokes on purpose. */
  allow(...patterns: RegExp[]): void {
    this.#allowed.push(...patterns);
  }

  async page(look: Look = {}): Promise<Page> {
    const context = await this.make({ reducedMotion: 'reduce', ...look });
    this.#contexts.push(context);
    context.on('page', (page) => this.#watch(page));
    return context.newPage();
  }

  phone = (look: Look = {}): Promise<Page> => this.page({ viewport: PHONE, hasTouch: true, isMobile: true, ...look });
  desk = (look: Look = {}): Promise<Page> => this.page({ viewport: DESK, ...look });
  wall = (look: Look = {}): Promise<Page> => this.page({ viewport: WALL, ...look });

  /** A desk at which somebody is signed in. */
  async studio(who: Person, look: Look = {}): Promise<Page> {
    const page = await this.desk(look);
    await page.goto('/studio/login');
    const status = await page.evaluate(
      async (body) => {
        const headers = { 'content-type': 'application/json' };
        return (await fetch('/api/v1/auth/login', { method: 'POST', headers, body: JSON.stringify(body) })).status;
      },
      { email: who.email, password: PASSWORD, organizationId: who.account.organization.id },
    );
    expect(status).toBe(200);
    return page;
  }

  #watch(page: Page): void {
    page.on('pageerror', (error) => this.#complain(`${error.name}: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.#console(message);
    });
  }

  #console(message: ConsoleMessage): void {
    const text = message.text();
    // The browser reports every refused call; what the page makes of it is what is tested.
    const refusal = /^Failed to load resource: the server responded with a status of 4\d\d/.test(text);
    if (refusal && message.location().url.includes('/api/v1/')) return;
    this.#complain(text);
  }

  #complain(text: string): void {
    if (!this.#allowed.some((pattern) => pattern.test(text))) this.complaints.push(text);
  }

  async close(): Promise<void> {
    await Promise.all(this.#contexts.map((context) => context.close()));
  }
}

export const test = base.extend<{ house: House; workshop: Workshop }>({
  house: async ({ browser, contextOptions, baseURL, locale }, use) => {
    const base = baseURL!;
    const house = new House((look) => browser.newContext({ ...contextOptions, baseURL: base, locale, ...look }), base);
    await use(house);
    await house.close();
    expect(house.complaints, 'nothing in the console, nothing against the CSP').toEqual([]);
  },
  workshop: async ({ baseURL }, use) => {
    const workshop = await Workshop.open(baseURL!);
    await use(workshop);
    workshop.close();
  },
});
