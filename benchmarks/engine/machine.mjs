/** What a result was measured on, as far as it can be seen from here. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** CPU, memory, disk, kernel and Node, as one line each. */
export function describeMachine(directory) {
  const cpus = os.cpus();
  return {
    cpu: `${cpus.length} × ${cpus[0].model.trim()}`,
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    disk: describeDisk(directory),
    kernel: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
  };
}

function describeDisk(directory) {
  try {
    const [device, type] = execFileSync('df', ['--output=source,fstype', directory], { encoding: 'utf8' })
      .trim()
      .split('\n')[1]
      .split(/\s+/);
    const base = device
      .split('/')
      .at(-1)
      .replace(/p?\d+$/, '');
    return `${type} on ${device}${rotational(base)}`;
  } catch {
    return 'unknown';
  }
}

function rotational(device) {
  try {
    const flag = readFileSync(`/sys/block/${device}/queue/rotational`, 'utf8').trim();
    const cache = readFileSync(`/sys/block/${device}/queue/write_cache`, 'utf8').trim();
    return ` (${device.startsWith('vd') ? 'virtual, ' : ''}${flag === '1' ? 'said to rotate' : 'solid state'}, ${cache})`;
  } catch {
    return '';
  }
}

/** The installed version of a package. */
export function versionOf(name) {
  let directory = dirname(require.resolve(name));
  for (;;) {
    try {
      const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
      if (manifest.name === name) return manifest.version;
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    if (dirname(directory) === directory) return 'unknown';
    directory = dirname(directory);
  }
}
