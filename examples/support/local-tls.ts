/** TLS with a certificate of this machine's own, beside clear text on the same port. */
import { developmentCertificate, type TlsOptions } from '../../src/index.ts';

export interface LocalTls {
  readonly tls: TlsOptions;
  /** How to make clients trust it, as lines. */
  readonly trustHint: string;
}

/** `names` besides localhost, 127.0.0.1 and ::1. */
export function localTls(names: readonly string[] = []): LocalTls {
  const certificates = developmentCertificate({ names, environment: process.env });
  return { tls: { certificates, clearText: 'serve' }, trustHint: certificates.trustHint };
}
