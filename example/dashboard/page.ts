import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import type { Hono } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import type { Env } from './app.ts';
import type { Upstreams } from './users.ts';

/** The files of the page. */
export interface Page {
  readonly html: string;
  readonly css: string;
  readonly script: string;
}

/** Bundles the script of the page and the sources of forkfast. The page loads no other code. */
export async function bundlePage(): Promise<Page> {
  const entry = require.resolve('./page/main.ts');
  const [{ outputFiles }, html, css] = await Promise.all([
    build({
      entryPoints: [entry],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      conditions: ['forkfast:source'],
      logLevel: 'warning',
    }),
    readFile(join(dirname(entry), 'index.html'), 'utf8'),
    readFile(join(dirname(entry), 'style.css'), 'utf8'),
  ]);
  return { html, css, script: outputFiles[0]?.text ?? '' };
}

/** Serves the page at `/`. The page may load files from its own origin only, and may connect to it and to the two services. */
export function addPage(app: Hono<Env>, { html, css, script }: Page, { profile, orders }: Upstreams): void {
  app.use(
    secureHeaders({
      strictTransportSecurity: false, // this server has no TLS
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ['data:'],
        connectSrc: ["'self'", profile, orders],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    }),
  );
  app.get('/', (c) => c.html(html));
  app.get('/page.css', (c) => c.body(css, 200, { 'content-type': 'text/css; charset=utf-8' }));
  app.get('/page.js', (c) => c.body(script, 200, { 'content-type': 'text/javascript; charset=utf-8' }));
  app.get('/page.json', (c) => c.json({ profile, orders } satisfies Upstreams));
}
