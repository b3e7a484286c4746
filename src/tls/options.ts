/** What a server is told about TLS: certificates, names, policies. Checked by contexts.ts. */

/** Text in PEM, or the file that holds it, by path or `file:` URL: files can be loaded anew. */
export type Pem = string | Uint8Array | { readonly file: string | URL };

/** Certificates that clients show (RFC 8446 §4.3.2). */
export interface ClientCertificates {
  /** Whom they must be issued by. */
  readonly ca: Pem;
  /** `require`: without a good one, the connection is closed. Default `require`. */
  readonly mode?: 'require' | 'request' | undefined;
}

/** A certificate with its key, and the names it is for. */
export interface CertificateOptions {
  /** The certificate, followed by what chains it to an authority. */
  readonly cert: Pem;
  readonly key: Pem;
  /** Of an encrypted key. */
  readonly passphrase?: string | undefined;
  /** Server names, `example.com` or `*.example.com`; default: those the certificate tells. */
  readonly names?: readonly string[] | undefined;
  readonly clientCertificates?: ClientCertificates | undefined;
}

export interface TlsOptions {
  /** One certificate, or several: the first also answers where no name was asked for. */
  readonly certificates: CertificateOptions | readonly CertificateOptions[];
  /** Default `TLSv1.2`; nothing older is spoken (RFC 8996). */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
  /** A server name that no certificate has: the first certificate, or no handshake. */
  readonly unknownNames?: 'default' | 'refuse' | undefined;
  /**
   * What becomes of clear text on the same port: HTTP/1.1 is sent to https (308), or all is served
   * alike, or all is refused. Default `redirect`.
   */
  readonly clearText?: 'redirect' | 'serve' | 'refuse' | undefined;
  /** 48 random octets that several processes share, for session tickets (RFC 5077 §4). */
  readonly ticketKey?: Uint8Array | undefined;
  /** Looks at the files every few seconds, and loads what has changed. Default false. */
  readonly watch?: boolean | undefined;
}
