/**
 * Headless Chromium over its debugging pipe: JSON messages that end in a NUL octet, written to
 * descriptor 3 of the browser and read from 4. Enough to load a page, ask it things, and know what
 * went over the network.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { findProgram } from './process.ts';

export const CHROMIUM = findProgram('chromium', 'chromium-browser', 'google-chrome');

const FLAGS = [
  '--headless', '--remote-debugging-pipe', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--disable-dev-shm-usage', '--hide-scrollbars',
];
const NUL = '\0';
const WAIT_MS = 15_000;

type Parameters = Readonly<Record<string, unknown>>;

interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Parameters;
  readonly result?: Parameters;
  readonly error?: { readonly message: string };
}

interface Waiting {
  resolve(result: Parameters): void;
  reject(cause: Error): void;
}

interface Evaluated {
  readonly result: { readonly value?: unknown };
  readonly exceptionDetails?: { readonly exception?: { readonly description?: string } };
}

/** A response as the browser's network saw it. */
export interface NetworkResponse {
  readonly url: string;
  readonly status: number;
  /** `http/1.1`, `h2`, ... */
  readonly protocol: string;
  /** Fields by their names as sent. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Viewport {
  readonly width: number;
  readonly height: number;
  readonly dark?: boolean;
  /** As a phone: its pixel ratio, and the page's own viewport rules. */
  readonly mobile?: boolean;
}

export interface BrowserOptions {
  /** Flags besides those of all. */
  readonly flags?: readonly string[];
  /** Where it looks for what its user trusts. */
  readonly home?: string;
}

export class Browser {
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, Waiting>();
  readonly #pages = new Map<string, Page>();
  readonly #ended: Promise<void>;
  #last = 0;
  #text = '';

  /** Starts a browser of its own, with a profile that goes when it does. */
  static launch({ flags = [], home }: BrowserOptions = {}): Browser {
    if (CHROMIUM === undefined) throw new Error('no chromium on this machine');
    return new Browser(CHROMIUM, flags, home);
  }

  private constructor(program: string, more: readonly string[], home: string | undefined) {
    this.#profile = mkdtempSync(join(tmpdir(), 'wirestack-browser-'));
    const flags = [...FLAGS, ...more, `--user-data-dir=${this.#profile}`];
    if (process.getuid?.() === 0) flags.push('--no-sandbox');
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] as const;
    const env = home === undefined ? process.env : { ...process.env, HOME: home };
    this.#process = spawn(program, flags, { stdio: [...stdio], env });
    this.#ended = new Promise((resolve) => {
      this.#process.on('close', () => {
        for (const { reject } of this.#waiting.values()) reject(new Error('the browser has ended'));
        this.#waiting.clear();
        resolve();
      });
    });
    (this.#process.stdio[3] as Writable).on('error', () => {});
    (this.#process.stdio[4] as Readable).setEncoding('utf8')
      .on('data', (text: string) => this.#received(text));
  }

  send(method: string, params: Parameters = {}, sessionId?: string): Promise<Parameters> {
    const id = ++this.#last;
    const message = JSON.stringify({ id, method, params, sessionId });
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      (this.#process.stdio[3] as Writable).write(message + NUL);
    });
  }

  /** Opens a page and waits until it has loaded. */
  async newPage(url: string, viewport?: Viewport): Promise<Page> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const attached = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, attached['sessionId'] as string);
    this.#pages.set(page.sessionId, page);
    await page.open(url, viewport);
    return page;
  }

  async close(): Promise<void> {
    await this.send('Browser.close').catch(() => {});
    await this.#ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #received(text: string): void {
    const messages = (this.#text + text).split(NUL);
    this.#text = messages.pop() ?? '';
    for (const message of messages) this.#take(JSON.parse(message) as Message);
  }

  #take({ id, method, params, result, error, sessionId }: Message): void {
    if (method !== undefined) {
      this.#pages.get(sessionId ?? '')?.event(method, params ?? {});
      return;
    }
    const waiting = this.#waiting.get(id ?? 0);
    this.#waiting.delete(id ?? 0);
    if (error === undefined) waiting?.resolve(result ?? {});
    else waiting?.reject(new Error(error.message));
  }
}

export class Page {
  readonly sessionId: string;
  /** Responses in the order of their heads. */
  readonly responses: NetworkResponse[] = [];
  /** What the console called an error, and exceptions that nobody caught. */
  readonly errors: string[] = [];
  readonly #browser: Browser;
  readonly #loaded: Promise<void>;
  #markLoaded!: () => void;

  constructor(browser: Browser, sessionId: string) {
    this.#browser = browser;
    this.sessionId = sessionId;
    this.#loaded = new Promise((resolve) => this.#markLoaded = resolve);
  }

  async open(url: string, viewport?: Viewport): Promise<void> {
    const domains = ['Page', 'Network', 'Runtime', 'Log'];
    for (const domain of domains) await this.#send(`${domain}.enable`);
    if (viewport !== undefined) await this.show(viewport);
    const { errorText } = await this.#send('Page.navigate', { url });
    if (errorText !== undefined) throw new Error(`${url}: ${String(errorText)}`);
    await this.#loaded;
  }

  /** The value of an expression in the page; a promise is awaited. */
  async evaluate(expression: string): Promise<unknown> {
    const answer = await this.#send('Runtime.evaluate', {
      expression, awaitPromise: true, returnByValue: true,
    });
    const { result, exceptionDetails: failure } = answer as unknown as Evaluated;
    if (failure !== undefined) throw new Error(failure.exception?.description ?? expression);
    return result.value;
  }

  /** Resolves once an expression is true in the page. Throws where it does not become so. */
  async waitFor(expression: string, withinMs: number = WAIT_MS): Promise<void> {
    const came = await this.evaluate(`new Promise((resolve) => {
      const until = performance.now() + ${withinMs};
      const look = () => {
        if (${expression}) resolve(true);
        else if (performance.now() > until) resolve(false);
        else setTimeout(look, 20);
      };
      look();
    })`);
    if (came !== true) throw new Error(`not within ${withinMs} ms: ${expression}`);
  }

  async show({ width, height, dark = false, mobile = false }: Viewport): Promise<void> {
    await this.#send('Emulation.setDeviceMetricsOverride', {
      width, height, mobile, deviceScaleFactor: mobile ? 2 : 1,
    });
    await this.#send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }],
    });
  }

  /** Writes a PNG of the page: of what is in view, or of all its length. */
  async screenshot(path: string, whole = false): Promise<void> {
    const { data } = await this.#send('Page.captureScreenshot', { captureBeyondViewport: whole });
    writeFileSync(path, Buffer.from(data as string, 'base64'));
  }

  /** For Browser. */
  event(method: string, params: Parameters): void {
    switch (method) {
      case 'Page.loadEventFired':
        this.#markLoaded();
        break;
      case 'Network.responseReceived':
        this.responses.push(params['response'] as NetworkResponse);
        break;
      case 'Runtime.exceptionThrown':
        this.errors.push(JSON.stringify(params['exceptionDetails']));
        break;
      case 'Runtime.consoleAPICalled':
        if (params['type'] === 'error') this.errors.push(JSON.stringify(params['args']));
        break;
      case 'Log.entryAdded': {
        const entry = params['entry'] as { level: string; text: string; url?: string };
        if (entry.level === 'error') this.errors.push(`${entry.text} ${entry.url ?? ''}`);
        break;
      }
    }
  }

  #send(method: string, params?: Parameters): Promise<Parameters> {
    return this.#browser.send(method, params, this.sessionId);
  }
}
