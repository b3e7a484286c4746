/**
 * What a person can do so that a browser trusts an authority of development: a few lines to copy,
 * for the system that they are on. Nothing here is run by us. Called by development.ts.
 */

/** `name` is how the authority is called in the lists that it enters. */
export function trustHint(system: string, path: string, name: string): string {
  const file = quoted(system, path);
  const label = name.replaceAll(' ', '-');
  const now = `For now:     curl --cacert ${file} https://localhost/`;
  if (system === 'win32') {
    return [now, `To trust it: certutil -addstore -user Root ${file}`].join('\n');
  }
  if (system === 'darwin') {
    const keychain = '~/Library/Keychains/login.keychain-db';
    return [
      now, `To trust it: security add-trusted-cert -r trustRoot -p ssl -k ${keychain} ${file}`,
    ].join('\n');
  }
  const copy = `/usr/local/share/ca-certificates/${label}.crt`;
  return [
    now,
    `To trust it: sudo cp ${file} ${copy} && sudo update-ca-certificates`,
    `In Chromium: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n ${label} -i ${file}`,
  ].join('\n');
}

/** A path as one word of the system's shell. */
function quoted(system: string, path: string): string {
  if (system === 'win32') return /^[\w.:\\-]+$/.test(path) ? path : `"${path}"`;
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll('\'', '\'\\\'\'')}'`;
}
