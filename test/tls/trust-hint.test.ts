/** The lines that a person copies, whole. */
import { describe, expect, test } from 'vitest';
import { trustHint } from '../../src/tls/trust-hint.ts';

const NAME = 'wirestack development 01234567';
const LABEL = 'wirestack-development-01234567';

describe('what to do to trust an authority', () => {
  test.each([
    ['linux', '/home/a/.cache/wirestack/authority-1/authority.crt', [
      'For now:     curl --cacert FILE https://localhost/',
      `To trust it: sudo cp FILE /usr/local/share/ca-certificates/${LABEL}.crt && ` +
        'sudo update-ca-certificates',
      `In Chromium: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n ${LABEL} -i FILE`,
    ]],
    ['darwin', '/Users/a/Library/Caches/wirestack/authority-1/authority.crt', [
      'For now:     curl --cacert FILE https://localhost/',
      'To trust it: security add-trusted-cert -r trustRoot -p ssl ' +
        '-k ~/Library/Keychains/login.keychain-db FILE',
    ]],
    ['win32', 'C:\\Users\\a\\AppData\\Local\\wirestack\\authority-1\\authority.crt', [
      'For now:     curl --cacert FILE https://localhost/',
      'To trust it: certutil -addstore -user Root FILE',
    ]],
  ])('on %s', (system, path, lines) => {
    expect(trustHint(system, path, NAME).replaceAll(path, 'FILE').split('\n')).toEqual(lines);
  });

  test.each([
    ['linux', '/home/a b/x', '\'/home/a b/x\''],
    ['linux', '/home/$(a)/x', '\'/home/$(a)/x\''],
    ['darwin', '/Users/o\'a/x', '\'/Users/o\'\\\'\'a/x\''],
    ['win32', 'C:\\Users\\a b\\x', '"C:\\Users\\a b\\x"'],
  ])('on %s the path %s is one word', (system, path, word) => {
    expect(trustHint(system, path, NAME).split('\n')[0])
      .toBe(`For now:     curl --cacert ${word} https://localhost/`);
  });
});
