/** TLS with a certificate of this machine's own, beside clear text on the same port. */
import { developmentCertificate, type TlsOptions } from '../../src/index.ts';

/** `names` besides localhost, 127.0.0.1 and ::1. */
export function localTls(names: readonly string[] = []): TlsOptions {
  const certificates = developmentCertificate({ names, environment: process.env });
  return { certificates, clearText: 'serve' };
}
