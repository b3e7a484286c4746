/** The showcase in headless Chromium: it loads, each of its panels works, nothing complains. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Browser, CHROMIUM, type Page } from '../support/browser.ts';
import { describeWith, startExample } from '../support/process.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describeWith('the showcase in Chromium', 'chromium', CHROMIUM !== undefined, () => {
  let browser: Browser;
  let page: Page;
  let url: string;
  const ends: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    ({ url } = await startExample((end) => ends.push(end), 'showcase', '--port', '0'));
    browser = Browser.launch();
    ends.unshift(() => browser.close());
    page = await browser.newPage(`${url}/`, { width: 1280, height: 900 });
  });

  afterAll(async () => {
    for (const end of ends) await end();
  });

  async function textOf(selector: string): Promise<string> {
    return await page.evaluate(`document.querySelector('${selector}').textContent`) as string;
  }

  test('it came over HTTP/1.1, with all that it needs, from this server alone', () => {
    const files = page.responses.filter((response) => !response.url.includes('/api/'));
    expect(files.map((response) => response.url).sort())
      .toEqual([`${url}/`, `${url}/favicon.svg`, `${url}/script.js`, `${url}/style.css`]);
    for (const { status, protocol } of page.responses) {
      expect([status, protocol]).toEqual([200, 'http/1.1']);
    }
  });

  test('it says what it came over', async () => {
    expect(await textOf('#protocol')).toBe('HTTP/1.1');
  });

  test('the page is closed to all but this server', () => {
    const [{ headers } = { headers: {} as Record<string, string> }] = page.responses;
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self'; /);
    expect(headers['content-security-policy']).not.toContain('unsafe');
  });

  test('the monitor counts', async () => {
    await page.waitFor("Number(document.querySelector('#n-answers').textContent) >= 4");
    await page.waitFor("document.querySelectorAll('.trace i').length === 60");
  });

  describe.each([
    ['stream', /^200 · \d+ pieces over .+ · the first after .+$/],
    ['small', /^100 answers in .+ over [1-6] connections? · median .+ ms$/],
    ['upload', /^8\.0 MiB in .+, \d+ pieces · the same sum · held at most .+$/],
    ['events', /^resumed after \d+ · [1-9]\d* missed events came at once · none lost$/],
    ['inspect', /^\d+ field lines, 35 octets of content · request \d+ of connection \d+, .+$/],
    ['wire', /^152 B sent, .+ received · 200, 200, 200, 200$/],
  ])('the panel %s', (id, said) => {
    test('does what it promises', async () => {
      const state = `document.querySelector('#${id}').dataset.state`;
      await page.evaluate(`document.querySelector('#${id} [data-run]').click()`);
      await page.waitFor(`['done', 'failed'].includes(${state})`);
      expect(await textOf(`#${id} .note`)).toMatch(said);
      expect(await page.evaluate(state)).toBe('done');
    });
  });

  test('the story has come whole', async () => {
    expect(await textOf('#stream [data-text]')).toMatch(/^The kernel said .+ that this is all\.$/);
  });

  test('the server saw the fields that the page sent', async () => {
    const text = await page.evaluate("document.querySelector('#inspect [data-fields]').innerText");
    expect(text).toMatch(/x-from-this-page\s+hello, server/);
  });

  test.each([
    ['Early hints', '103, 200', 'rel=preload'],
    ['Trailers, there', '200', '"trailers":[["x-sum","4ae7c3b6"]]'],
    ['Trailers, back', '200', 'x-count: 3'],
    ['100-continue', '100, 200', '"bytes":5'],
    ['A part', '206', 'content-range: bytes 0-96/'],
    ['Smuggling', '400', 'both Transfer-Encoding and Content-Length (RFC 9112 §6.3'],
    ['Odd space', '400', '(RFC 9112 §5.1)'],
    ['Two hosts', '400', '(RFC 9112 §3.2)'],
    ['Too long', '414', 'requestLineBytes'],
  ])('on the bare wire, %s: %s', async (name, statuses, part) => {
    await page.evaluate(`[...document.querySelectorAll('[data-presets] button')]
      .find((button) => button.textContent === ${JSON.stringify(name)}).click()`);
    await page.waitFor("document.querySelector('#wire').dataset.state === 'done'");
    expect((await textOf('#wire .note')).split('· ')[1]).toBe(statuses);
    expect(await textOf('[data-received]')).toContain(part);
  });

  test.each([[1280, false], [390, true], [320, true]])(
    'at %d px nothing sticks out', async (width, mobile) => {
      await page.show({ width, height: 800, mobile });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    },
  );

  test('dark and light are the reader\'s choice', async () => {
    const paper = 'getComputedStyle(document.body).backgroundColor';
    await page.show({ width: 1280, height: 900, dark: true });
    const dark = await page.evaluate(paper);
    await page.show({ width: 1280, height: 900, dark: false });
    const light = await page.evaluate(paper);
    expect(light).not.toBe(dark);
    await page.evaluate("document.querySelector('#theme').click()");
    expect(await page.evaluate(paper)).toBe(dark);
  });

  test('each control and region has a name, and headings come in order', async () => {
    const nameless = await page.evaluate(`
      [...document.querySelectorAll('button, input, textarea, [role=region]')].filter((each) =>
        !(each.ariaLabel || (each.labels?.[0] ?? each).textContent.trim())).length
    `);
    expect(nameless).toBe(0);
    const levels = await page.evaluate(`
      [...document.querySelectorAll('h1, h2, h3')].map((heading) => heading.tagName).join()
    `);
    expect(levels).toMatch(/^H1(,H2)+$/);
  });

  test('the console has nothing to complain of', () => {
    expect(page.errors).toEqual([]);
    expect(new Set(page.responses.map(({ protocol }) => protocol))).toEqual(new Set(['http/1.1']));
  });
});
