/**
 * Headless Chromium over HTTP/2 on https, proved by what the server itself recorded; trusted by the
 * hash of the key, and the way that a person trusts: an authority in the user's database.
 */
import { X509Certificate, createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { HttpResponse, type RequestRecord, type Server } from '../../src/index.ts';
import { Browser, CHROMIUM, type BrowserOptions, type Page } from '../support/browser.ts';
import { describeWith, findProgram, run } from '../support/process.ts';
import { temporaryDirectory } from '../support/sockets.ts';
import { CA_FILE, leaf, serveTls } from '../support/tls-peers.ts';

vi.setConfig({ testTimeout: 60_000 });

const CERTUTIL = findProgram('certutil');
const CERTIFICATE = leaf('localhost', '127.0.0.1');

const PAGE = `<!doctype html><title>a page</title><link rel="icon" href="data:,">
  <p>hello</p><script type="module" src="/script.js"></script>`;

interface Site { readonly server: Server; readonly records: RequestRecord[]; url: string }

/** A page of two files, and what was asked of it. */
async function site(): Promise<Site> {
  const server = await serveTls({
    certificates: CERTIFICATE,
    tls: { clearText: 'redirect' },
    handler: ({ path, method, version, peer }) => {
      if (path === '/script.js') {
        const script = 'document.title = "run";';
        return new HttpResponse(200, { 'content-type': 'text/javascript' }, script);
      }
      if (path === '/what') {
        const what = { method, version, secure: peer.tls !== undefined, alpn: peer.tls?.alpn };
        return new HttpResponse(200, { 'content-type': 'application/json' }, JSON.stringify(what));
      }
      return new HttpResponse(200, { 'content-type': 'text/html' }, PAGE);
    },
  });
  const records: RequestRecord[] = [];
  server.on('request', (record) => records.push(record));
  return { server, records, url: `https://localhost:${server.port}` };
}

async function open(url: string, options: BrowserOptions): Promise<Page> {
  // No other way than that of the address: a browser may look for a proxy.
  const flags = ['--no-proxy-server', ...options.flags ?? []];
  const browser = Browser.launch({ ...options, flags });
  onTestFinished(() => browser.close());
  return browser.newPage(url);
}

/** All that the browser asked for came by HTTP/2 under TLS, and worked. */
async function expectSecure({ server, records, url }: Site, page: Page): Promise<void> {
  await page.waitFor('document.title === "run"');
  const asked = `Promise.all(Array.from({ length: 20 }, (_, at) =>
    fetch('/what', { method: at % 2 ? 'POST' : 'GET', body: at % 2 ? 'octets' : undefined })
      .then((response) => response.json())))`;
  const what = await page.evaluate(asked) as readonly object[];
  expect(what).toHaveLength(20);
  for (const one of what) expect(one).toMatchObject({ version: '2', secure: true, alpn: 'h2' });
  expect(await page.evaluate('isSecureContext && location.protocol')).toBe('https:');
  expect(page.responses.slice(0, 2).map((one) => [one.url, one.protocol]))
    .toEqual([[`${url}/`, 'h2'], [`${url}/script.js`, 'h2']]);
  expect(new Set(records.map(({ version, status }) => `${version} ${status}`)))
    .toEqual(new Set(['2 200']));
  expect(server.counters).toMatchObject({ secured: expect.any(Number), refused: 0 });
  expect(server.counters.secured).toBeGreaterThan(0);
  expect(page.errors).toEqual([]);
}

describeWith('Chromium over HTTP/2', 'chromium', CHROMIUM !== undefined, () => {
  test('with a key that it was told of', async () => {
    const here = await site();
    const info = new X509Certificate(CERTIFICATE.cert).publicKey.export({
      type: 'spki', format: 'der',
    });
    const hash = createHash('sha256').update(info).digest('base64');
    const flags = [`--ignore-certificate-errors-spki-list=${hash}`];
    await expectSecure(here, await open(`${here.url}/`, { flags }));
  });

  test('without trust it does not load (RFC 9110 §4.3.4)', async () => {
    const { url, records } = await site();
    await expect(open(`${url}/`, { home: await temporaryDirectory() }))
      .rejects.toThrow(/ERR_CERT_AUTHORITY_INVALID/);
    expect(records).toEqual([]);
  });
});

describeWith('Chromium and an authority that its user trusts', 'chromium and certutil',
  CHROMIUM !== undefined && CERTUTIL !== undefined, () => {
    /** The home of a user who trusts the authority (NSS). */
    async function trustingHome(): Promise<string> {
      const home = await temporaryDirectory();
      const database = join(home, '.pki', 'nssdb');
      mkdirSync(database, { recursive: true });
      for (const words of [
        ['-N', '--empty-password'], ['-A', '-t', 'C,,', '-n', 'development', '-i', CA_FILE],
      ]) {
        const { code, stderr } = await run(CERTUTIL as string, ['-d', `sql:${database}`, ...words]);
        expect([code, stderr]).toEqual([0, '']);
      }
      return home;
    }

    test('the page loads without an error', async () => {
      const here = await site();
      await expectSecure(here, await open(`${here.url}/`, { home: await trustingHome() }));
    });

    test('from clear text it is sent there', async () => {
      const here = await site();
      const page = await open(`http://localhost:${here.server.port}/`, {
        home: await trustingHome(),
      });
      await page.waitFor('document.title === "run" && location.protocol === "https:"');
      expect(here.records.map(({ version, status }) => `${version} ${status}`))
        .toEqual(['1.1 308', '2 200', '2 200']);
    });
  });
