/** Ports for nodes of one machine that are told beforehand where they listen. */
import { createServer } from 'node:net';

/** Ports of `host` that are free now, all different. Whoever is quick may take one before it is used. */
export async function findFreePorts(host: string, count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, host, () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
