import type { Logger, RunEvent } from 'forkfast';
import type { Observer } from 'rxjs';
import type { Listening } from './http.ts';
import type { Page } from './page.ts';
import { startDashboard } from './server.ts';
import { type MockOptions, type MockService, startOrderService, startProfileService } from './services.ts';

export interface StageOptions {
  readonly profile?: MockOptions;
  readonly orders?: MockOptions;
  readonly timeout: number;
  readonly logger: Logger;
  readonly port?: number;
  readonly runs?: Pick<Observer<readonly RunEvent[]>, 'next'>;
  /** Makes what is served at `/`. */
  readonly page?: () => Promise<Page>;
}

/** The three servers. */
export interface Stage {
  readonly profile: MockService;
  readonly orders: MockService;
  readonly dashboard: Listening;
  close(): Promise<void>;
}

export async function startStage({ profile, orders, page, ...rest }: StageOptions): Promise<Stage> {
  const services = await Promise.all([startProfileService(profile), startOrderService(orders)]);
  const closeServices = async (): Promise<void> => {
    await Promise.all(services.map((service) => service.close()));
  };
  const [{ url: profileUrl }, { url: ordersUrl }] = services;
  try {
    const served = page && { page: await page() };
    const dashboard = await startDashboard({ ...rest, ...served, profile: profileUrl, orders: ordersUrl });
    return {
      profile: services[0],
      orders: services[1],
      dashboard,
      // The dashboard first: it cancels what it asked of the others.
      close: async () => {
        await dashboard.close();
        await closeServices();
      },
    };
  } catch (error) {
    await closeServices();
    throw error;
  }
}
