/** Real sockets: TCP over `node:net`, without Nagle's delay. What a connection does is `network-connection.ts`. */
import * as net from 'node:net';
import { CoterieError, formatAddress, parseAddress } from '@coterie/env';
import type { Connection, ConnectOptions, Listener, Network } from '@coterie/env';
import { osCodeOf } from './disk-error.ts';
import { Inbox, NodeConnection } from './network-connection.ts';
import { networkError } from './network-error.ts';

/** The system's network. */
export const nodeNetwork: Network = { listen, connect };

/** Connections that may wait for this process to accept them. */
const backlog = 512;

async function listen(address: string, accept: (connection: Connection) => void): Promise<Listener> {
  const { host, port } = parseAddress(address);
  const server = net.createServer({ noDelay: true, pauseOnConnect: true }, (socket) => accept(new NodeConnection(socket)));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(address, error)));
    server.listen({ host, port, backlog }, () => {
      server.removeAllListeners('error');
      // An error of one accept (no descriptor left, say) is the system's; the listener goes on.
      server.on('error', () => {});
      resolve();
    });
  });
  return { address: formatAddress(host, (server.address() as net.AddressInfo).port), close: () => closeServer(server) };
}

function closeServer(server: net.Server): Promise<void> {
  return new Promise((resolve) => {
    // Node waits for accepted connections too; the address is free as soon as the handle is closed, in the next turn.
    server.close();
    setImmediate(resolve);
  });
}

function listenError(address: string, error: Error): Error {
  const osCode = osCodeOf(error);
  if (osCode === 'EADDRINUSE')
    return new CoterieError('LOCKED', `${address} is in use (EADDRINUSE)`, { cause: error, details: { address, osCode } });
  if (osCode === 'EADDRNOTAVAIL' || osCode === 'ENOTFOUND')
    return new CoterieError('INVALID_ARGUMENT', `${address} is no address of this machine (${osCode})`, {
      cause: error,
      details: { address, osCode },
    });
  return networkError(`cannot listen at`, address, error);
}

async function connect(address: string, { timeoutMs }: ConnectOptions): Promise<Connection> {
  const { host, port } = parseAddress(address);
  return new Promise((resolve, reject) => {
    const inbox = new Inbox();
    const socket = net.connect({ host, port, noDelay: true, onread: inbox.onread });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const refused = (error: Error): void => fail(networkError('cannot connect to', address, error));
    const timer = setTimeout(() => {
      fail(new CoterieError('TIMEOUT', `no connection to ${address} within ${timeoutMs} ms`, { details: { address } }));
    }, timeoutMs);
    socket.once('error', refused);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.pause();
      resolve(new NodeConnection(socket, inbox));
      socket.removeListener('error', refused);
    });
  });
}
