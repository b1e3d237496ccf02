import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { describe, expect, it } from 'vitest';

/** Every package could be published as it is: what its manifest names exists, in the right format. */
const packages = fileURLToPath(new URL('../../packages', import.meta.url));

describe('package.json', () => {
  it.each(readdirSync(packages))('of %s names what is there', async (name) => {
    const { messages, pkg } = await publint({ pkgDir: `${packages}/${name}`, pack: false, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });
});
