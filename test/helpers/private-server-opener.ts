/**
 * A process that opens the private server of a folder, says so in one line of JSON, and keeps it open until its standard
 * input ends. For tests that need openers to kill.
 */
import { openPrivateServer } from '../../src/store/private-server/private-server.ts';

const server = await openPrivateServer({ folder: process.argv[2] ?? '' });
console.log(JSON.stringify({ host: server.host, port: server.port }));
process.stdin.resume().once('end', () => void server.close());
