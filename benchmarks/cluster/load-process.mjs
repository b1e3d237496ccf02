/** The calling side of `load.mjs`: one order at a time. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('./load.mjs', import.meta.url));

/** Starts a load process. */
export function startLoad() {
  const child = fork(script, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  let answered = () => {};
  child.on('message', (message) => answered(message));
  child.on('exit', (code) => answered({ error: `the load ended with ${code}` }));
  return {
    /** Has an order carried out. @throws what went wrong there, a wrong answer of a server included */
    order(order) {
      return new Promise((resolve, reject) => {
        answered = ({ error, result }) => (error === undefined ? resolve(result) : reject(new Error(error)));
        child.send(order, (error) => error && reject(error));
      });
    },
    stop: () => child.connected && child.disconnect(),
  };
}
