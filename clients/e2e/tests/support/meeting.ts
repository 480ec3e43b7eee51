/** A session that is running, and the ways to what is written and drawn in it. */
import type { Page } from '@playwright/test';
import type { House } from './test';
import type { Stage, Workshop } from './workshop';

export async function running(workshop: Workshop): Promise<Stage> {
  const stage = await workshop.stage({ title: 'Postgres in anger', needsName: true });
  await stage.begin();
  return stage;
}

/** The host's page, by the console. */
export async function hosts(house: House, workshop: Workshop, stage: Stage, link: string): Promise<Page> {
  // The console is left before it is connected.
  house.allow(/closed before the connection is established/);
  const host = await house.studio(workshop);
  await host.goto(`/studio/s/${stage.session.id}`);
  await host.getByRole('link', { name: link }).click();
  return host;
}

/** A participant's phone, and what is opened on it. */
export async function joins(house: House, stage: Stage, name: string, button: string): Promise<Page> {
  const phone = await house.phone();
  await phone.goto(`/${stage.code}`);
  await phone.getByLabel('Your name').fill(name);
  await phone.getByRole('button', { name: 'Join', exact: true }).click();
  await phone.getByRole('button', { name: button }).click();
  return phone;
}
