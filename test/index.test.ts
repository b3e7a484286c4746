/** The public face: what is exported, and that the built package can be had from both worlds. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import * as wirestack from '../src/index.ts';
import * as testing from '../src/testing/index.ts';
import { ROOT } from './support/source-text.ts';

describe('exports', () => {
  test('of wirestack', () => {
    expect(Object.keys(wirestack).sort()).toEqual([
      'CloseError', 'ConnectionError', 'DEFAULT_LIMITS', 'Fields', 'HandshakeRefusedError',
      'HttpError', 'HttpRequest', 'HttpResponse', 'PULL_BYTES', 'PeerGoneError', 'ProtocolError',
      'Server', 'StreamError', 'WebSocketSession', 'ZlibBudget', 'connectWebSocket',
      'contentRange', 'createServer', 'developmentCertificate', 'evaluatePreconditions',
      'ifRangeHolds', 'isEntityTag', 'isWebSocketRequest', 'prepare', 'problem', 'redirectToHttps',
      'selectRanges', 'strictTransportSecurity', 'strongMatch', 'weakMatch', 'webSocket',
    ]);
  });

  test('of wirestack/testing', () => {
    expect(Object.keys(testing).sort()).toEqual(['HandClock', 'MemoryTransport']);
  });

  test('none is a name of Node\'s own: a forgotten import would compile against it', () => {
    const names = [wirestack, testing].flatMap((module) => Object.keys(module));
    expect(names.filter((name) => name in globalThis)).toEqual([]);
  });
});

describe('the built package', () => {
  beforeAll(() => {
    if (existsSync(join(ROOT, 'dist/src/index.js'))) return;
    execFileSync('npm', ['run', '-s', 'build'], { cwd: ROOT });
  }, 120_000);

  const NAMES = ['wirestack', 'wirestack/http1', 'wirestack/testing'];
  const KINDS = '.map((its) => typeof (its.createServer ?? its.http1 ?? its.HandClock))';

  function run(kind: 'commonjs' | 'module', code: string): string {
    const script = ['--no-warnings', `--input-type=${kind}`, '-e', code];
    return execFileSync(process.execPath, script, { cwd: ROOT, encoding: 'utf8' }).trim();
  }

  test('is required from CommonJS', () => {
    const modules = `${JSON.stringify(NAMES)}.map((name) => require(name))`;
    const code = `console.log(${modules}${KINDS}.join())`;
    expect(run('commonjs', code)).toBe('function,function,function');
  });

  test('is imported from a module', () => {
    const imports = `await Promise.all(${JSON.stringify(NAMES)}.map((name) => import(name)))`;
    const code = `console.log((${imports})${KINDS}.join())`;
    expect(run('module', code)).toBe('function,function,function');
  });

  test('opens nothing by being loaded: the process ends by itself', () => {
    expect(run('commonjs', 'require("wirestack"); console.log("loaded")')).toBe('loaded');
  });

  test('does not show what is inside', () => {
    const path = 'wirestack/dist/src/limits.js';
    const code = `try { require('${path}') } catch (error) { console.log(error.code) }`;
    expect(run('commonjs', code)).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });
});
