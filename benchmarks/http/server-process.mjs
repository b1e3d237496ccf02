/**
 * A server under test as a process of its own: a real `coterie start`, or anything else that prints the URL it listens on.
 * Always on loopback and on a free port.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const meterModule = new URL('./turn-meter.mjs', import.meta.url).href;
const coterieMain = fileURLToPath(new URL('../../packages/server/dist/main.js', import.meta.url));
const startLimitMs = 30_000;

/** Arguments of node for one Coterie node with its data in `directory`. */
export function coterieArguments(directory) {
  return [coterieMain, 'start', '--data-dir', directory, '--http', '127.0.0.1:0', '--peer', '127.0.0.1:0', '--log-level', 'warn'];
}

/**
 * Starts `node ...args`; resolves once it has printed its URL. With `meterFile`, the turn meter is loaded: `meter()` starts
 * it, and `meter()` again resolves to what it measured.
 */
export async function startServer(args, { meterFile, exact = false, directory } = {}) {
  const meterEnvironment = meterFile === undefined ? {} : { COTERIE_TURN_METER: meterFile, COTERIE_TURN_METER_EXACT: exact ? '1' : '0' };
  const child = spawn(process.execPath, [...(meterFile === undefined ? [] : ['--import', meterModule]), ...args], {
    cwd: directory,
    env: { ...process.env, ...meterEnvironment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const target = await listening(child);
  return {
    target,
    startMeter: () => child.kill('SIGUSR2'),
    readMeter: () => readMeter(child, meterFile),
    kill: async (signal) => {
      child.kill(signal);
      await exited;
    },
  };
}

function listening(child) {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`no URL after ${startLimitMs} ms; it printed:\n${text}`));
    }, startLimitMs);
    const read = (chunk) => {
      text += chunk;
      const url = /http:\/\/(127\.0\.0\.1):(\d+)/.exec(text);
      if (url === null) return;
      clearTimeout(timer);
      resolve({ host: url[1], port: Number(url[2]) });
    };
    child.stdout.on('data', read);
    child.stderr.on('data', (chunk) => {
      read(chunk);
      process.stderr.write(chunk);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}; it printed:\n${text}`)));
  });
}

async function readMeter(child, file) {
  rmSync(file, { force: true });
  child.kill('SIGUSR2');
  for (let attempt = 0; attempt < 100; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    try {
      return JSON.parse(readFileSync(file, 'utf8'));
    } catch (error) {
      if (error.code !== 'ENOENT' && !(error instanceof SyntaxError)) throw error;
    }
  }
  throw new Error('the turn meter did not answer');
}

/** A scratch file beside a server's directory. */
export function meterFileIn(directory) {
  return join(directory, 'turn-meter.json');
}
