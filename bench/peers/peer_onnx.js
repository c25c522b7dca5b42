// peer_onnx.js: ONNX Runtime's side of bench/peers/run: encoder.onnx, a run a batch.
//
// usage: node peer_onnx.js DIR LAYERS HIDDEN INPUT THREADS VOCABULARY float32 CELL, onnxruntime-node in NODE_PATH; commands as in exchange.py.
'use strict';
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const ort = require('onnxruntime-node');

const [dir, , hiddenText, inputText, threads, vocabulary] = process.argv.slice(2);
const tokens = Number(vocabulary) > 0;
const hidden = Number(hiddenText), input = tokens ? 1 : Number(inputText); // of what a position is read as
const Kind = tokens ? Int32Array : Float32Array;

function numbers(OfKind, file) {
    const bytes = fs.readFileSync(file);
    return new OfKind(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

const length = numbers(Int32Array, path.join(dir, 'lengths.i32'));
const features = numbers(Kind, path.join(dir, tokens ? 'ids.i32' : 'features.f32'));
const offset = [0];
for (const n of length)
    offset.push(offset[offset.length - 1] + n);

// The inputs of every batch, laid out (T, N, input), or ids (T, N), before the clock starts.
function load(file) {
    const flat = numbers(Int32Array, file), batches = [];
    for (let at = 1, i = 0; i < flat[0]; i++) {
        const n = flat[at], T = flat[at + 1], sequences = Array.from(flat.subarray(at + 2, at + 2 + n));
        const x = new Kind(T * n * input);
        sequences.forEach((s, row) => {
            for (let t = 0; t < length[s]; t++)
                x.set(features.subarray((offset[s] + t) * input, (offset[s] + t + 1) * input), (t * n + row) * input);
        });
        const source = tokens ? {ids: new ort.Tensor('int32', x, [T, n])} : {X: new ort.Tensor('float32', x, [T, n, input])};
        batches.push({sequences, n, feeds: {
            ...source,
            lengths: new ort.Tensor('int32', Int32Array.from(sequences, (s) => length[s]), [n]),
        }});
        at += 2 + n;
    }
    return batches;
}

async function run(session, batches, output) {
    for (const batch of batches) {
        const y = (await session.run(batch.feeds)).Y;
        if (output)
            batch.sequences.forEach((s, row) => {
                for (let t = 0; t < length[s]; t++)
                    output.set(y.data.subarray((t * batch.n + row) * 2 * hidden, (t * batch.n + row + 1) * 2 * hidden),
                               (offset[s] + t) * 2 * hidden);
            });
        if (y.dispose)
            y.dispose();
    }
}

async function answer(session, state, line) {
    const [command, file] = line.split(' ');
    if (command === 'load') {
        state.batches = load(file);
        return 'ok';
    }
    if (command === 'write') {
        const output = new Float32Array(offset[offset.length - 1] * 2 * hidden);
        await run(session, state.batches, output);
        fs.writeFileSync(file, new Uint8Array(output.buffer));
        return 'ok';
    }
    const cpu = process.cpuUsage(), start = process.hrtime.bigint();
    await run(session, state.batches, null);
    const wall = Number(process.hrtime.bigint() - start) / 1e9, spent = process.cpuUsage(cpu);
    return `${wall} ${(spent.user + spent.system) / 1e6}`;
}

async function main() {
    const session = await ort.InferenceSession.create(path.join(dir, 'encoder.onnx'), {
        intraOpNumThreads: Number(threads), interOpNumThreads: 1, executionMode: 'sequential',
        graphOptimizationLevel: 'all', enableCpuMemArena: true, enableMemPattern: false,
    });
    const state = {};
    console.log(`ready ONNX Runtime ${ort.env.versions.node || ort.env.versions.common}`);
    for await (const line of readline.createInterface({input: process.stdin}))
        console.log(await answer(session, state, line));
}

main().catch((error) => {
    console.error(String(error));
    process.exit(1);
});
