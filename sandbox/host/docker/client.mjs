// `docker` on the sandbox's host: hands its arguments to the model of the engine and prints what that answers.
// Arguments: the engine's socket, then docker's own.
import { connect } from "node:net";
import process from "node:process";
import { buffer, text } from "node:stream/consumers";

const [socketPath, ...args] = process.argv.slice(2);
// As the real one: what runs a container takes all of standard input, also the rest of a script that comes there.
const stdin = args.includes("run") ? (await buffer(process.stdin)).toString("base64") : "";
const socket = connect(socketPath ?? "");
socket.on("error", () => {
  process.stderr.write("Cannot connect to the Docker daemon. Is the docker daemon running?\n");
  process.exit(1);
});
socket.end(JSON.stringify({ args, cwd: process.cwd(), environment: process.env, stdin }));
const { code, stdout, stderr } = JSON.parse(await text(socket));
process.stdout.write(stdout);
process.stderr.write(stderr);
process.exitCode = code;
