/** Processes that want the certificate of development at the same moment. */
import { spawn } from 'node:child_process';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { DAY } from '../../src/tls/certificate.ts';
import { developmentCertificate, type DevelopmentCertificate } from '../../src/tls/development.ts';
import { ROOT, run } from '../support/process.ts';
import { temporaryDirectory } from '../support/sockets.ts';

vi.setConfig({ testTimeout: 60_000 });

const PROCESSES = 6;
const NOW = Date.UTC(2026, 5, 1);

/** Where this Node strips types the sources run, elsewhere what was made of them. */
const strips = Boolean((process.features as { typescript?: unknown }).typescript);
const MODULE = join(ROOT, strips ? 'src/tls/development.ts' : 'dist/src/tls/development.js');
const BUILD = `
  import { makeCurrent } from ${JSON.stringify(join(ROOT, 'examples/support/compile.mjs'))};
  makeCurrent('tsconfig.json', ['src', 'examples']);
`;
/** Says that it is ready, waits to be told, and says what it was given. */
const SCRIPT = `
  const { developmentCertificate } = await import(${JSON.stringify(MODULE)});
  process.stdin.once('data', (options) => {
    process.stdout.write(JSON.stringify(developmentCertificate(JSON.parse(options))));
    process.stdin.destroy();
  });
  process.stdout.write('ready\\n');
`;

let folder: string;

beforeAll(async () => {
  if (strips) return;
  const { code, stderr } = await run(process.execPath, ['--input-type=module', '-e', BUILD]);
  expect(code, stderr).toBe(0);
});

beforeEach(async () => {
  folder = join(await temporaryDirectory(), 'wirestack');
});

/** Starts processes, lets all go at once, and has what each was given. */
async function atOnce(
  ...options: readonly { readonly names?: readonly string[] }[]
): Promise<DevelopmentCertificate[]> {
  const children = options.map(() => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT],
      { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  });
  await Promise.all(children.map(({ stdout }) => once(stdout, 'data')));
  const given = children.map(async (child, index) => {
    const ended = once(child, 'close');
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => text += piece);
    child.stdin.write(JSON.stringify({ folder, now: NOW, ...options[index] }));
    expect((await ended)[0]).toBe(0);
    return JSON.parse(text) as DevelopmentCertificate;
  });
  return Promise.all(given);
}

function expectWhole({ key, cert, authority }: DevelopmentCertificate): void {
  const [leaf, root] = [new X509Certificate(cert), new X509Certificate(authority.pem)];
  expect(leaf.checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(leaf.verify(root.publicKey)).toBe(true);
  expect(readFileSync(authority.path as string, 'utf8')).toBe(authority.pem);
}

const alike = Array.from({ length: PROCESSES }, () => ({}));

describe('at once', () => {
  test('the first time: one is first, and all have what it made', async () => {
    const all = await atOnce(...alike);
    all.forEach(expectWhole);
    expect(new Set(all.map(({ key, cert }) => key + cert)).size).toBe(1);
    expect(all.filter(({ created }) => created)).toHaveLength(1);
    expect(readdirSync(folder)).toEqual(['authority-1']);
  });

  test('when the authority ends: one replaces it, and all have what it made', async () => {
    developmentCertificate({ folder, now: NOW - 3640 * DAY });
    const all = await atOnce(...alike);
    all.forEach(expectWhole);
    expect(new Set(all.map(({ key, cert }) => key + cert)).size).toBe(1);
    expect(all.filter(({ created }) => created)).toHaveLength(1);
    expect(readdirSync(folder)).toEqual(['authority-2']);
  });

  test('when the leaf is broken: each has a whole one of the same authority', async () => {
    const { authority } = developmentCertificate({ folder, now: NOW });
    const path = join(folder, 'authority-1');
    writeFileSync(join(path, 'leaf.pem'), '');
    const all = await atOnce(...alike);
    all.forEach(expectWhole);
    expect(all.map((each) => each.authority)).toEqual(all.map(() => authority));
    expect(readdirSync(path).sort()).toEqual(['authority.crt', 'authority.key', 'leaf.pem']);
    const kept = developmentCertificate({ folder, now: NOW });
    expect(kept.remarks).toEqual([]);
    expect(all.map(({ key }) => key)).toContain(kept.key);
  });

  test('for different names: each has its own, and all stay', async () => {
    const names = ['a.test', 'b.test', 'c.test', 'd.test'];
    const all = await atOnce(...names.map((name) => ({ names: [name] })));
    all.forEach(expectWhole);
    const served = all.map(({ cert }, index) =>
      new X509Certificate(cert).checkHost(names[index] as string));
    expect(served).toEqual(names);
    expect(all.every(({ created }) => created)).toBe(true);
    expect(readdirSync(folder).sort())
      .toEqual(['authority-1', 'authority-2', 'authority-3', 'authority-4']);
  });
});
