import type { Logger, RunEvent } from 'forkfast';
import type { Observer } from 'rxjs';
import type { ListeningServer } from '../shared/http.ts';
import type { Page } from './page.ts';
import { startDashboard } from './server.ts';
import { type MockOptions, type MockService, startOrderService, startProfileService } from './services.ts';

export interface ServersOptions {
  readonly profile?: MockOptions;
  readonly orders?: MockOptions;
  readonly timeout: number;
  readonly logger?: Logger;
  readonly port?: number;
  readonly runs?: Pick<Observer<readonly RunEvent[]>, 'next'>;
  /** Builds the page that the dashboard serves at `/`. */
  readonly page?: () => Promise<Page>;
}

export interface Servers {
  readonly profile: MockService;
  readonly orders: MockService;
  readonly dashboard: ListeningServer;
  close(): Promise<void>;
}

/** Starts the two services and the dashboard. */
export async function startServers({ profile, orders, page, ...rest }: ServersOptions): Promise<Servers> {
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
      // The dashboard closes first, because it cancels its requests to the services.
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
