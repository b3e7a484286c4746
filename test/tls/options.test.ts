/** What a server is told about TLS: types alone, whose choices contexts.ts checks. */
import { expect, expectTypeOf, test } from 'vitest';
import * as options from '../../src/tls/options.ts';
import type { CertificateOptions, Pem, TlsOptions } from '../../src/tls/options.ts';

test('has no code of its own', () => {
  expect(Object.keys(options)).toEqual([]);
});

test('PEM is text, octets of it, or a file that holds it', () => {
  expectTypeOf<string>().toExtend<Pem>();
  expectTypeOf<Buffer>().toExtend<Pem>();
  expectTypeOf<{ file: string }>().toExtend<Pem>();
  expectTypeOf<URL>().not.toExtend<Pem>();
});

test('one certificate or several; nothing else has to be told', () => {
  expectTypeOf<{ certificates: CertificateOptions }>().toExtend<TlsOptions>();
  expectTypeOf<{ certificates: CertificateOptions[] }>().toExtend<TlsOptions>();
  expectTypeOf<{ cert: string }>().not.toExtend<CertificateOptions>();
});

test('nothing older than TLS 1.2 can be asked for (RFC 8996)', () => {
  expectTypeOf<TlsOptions['minVersion']>().toEqualTypeOf<'TLSv1.2' | 'TLSv1.3' | undefined>();
});
