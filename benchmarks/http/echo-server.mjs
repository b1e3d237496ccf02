/**
 * The least that an HTTP server in Node can do for the same requests: read the body, keep nothing, answer with the same
 * statuses and about as many bytes. What is missing to it is what Coterie's own work costs.
 */
import { createServer } from 'node:http';

const value = Buffer.alloc(100, 'v');
const keyPage = Buffer.from(JSON.stringify({ keys: Array.from({ length: 100 }, (_, i) => `key-${i}`) }));

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'application/octet-stream', etag: '"0123456789abcdef"' });
      response.end(request.url.includes('?prefix') ? keyPage : value);
    } else {
      response.writeHead(204, { etag: '"0123456789abcdef"' });
      response.end();
    }
  });
});

server.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
process.on('SIGTERM', () => process.exit(0));
