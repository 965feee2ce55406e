// A tool plugin in JavaScript, for determinism and benchmarks: `echo`, and `look`, which answers all that tells time or chance.

const TEXT = '{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}';
const NOTHING = '{"type":"object","properties":{}}';

function look() {
  const bits = (number) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, number);
    return view.getBigUint64(0).toString(16);
  };
  let sum = 0;
  for (let n = 0; n < 2000; n += 1) sum += Math.sin(n) / (n + 1);
  const at = Date.now();
  const moments = [performance.now(), performance.now()];
  return {
    wall: [at, new Date().toISOString()],
    monotonic: moments,
    random: [Math.random(), Math.random(), Array.from(crypto.getRandomValues(new Uint8Array(8)))],
    nans: [bits(Infinity - Infinity), bits(Math.sqrt(-1)), bits(0 / 0)],
    sum: bits(sum),
  };
}

export const tool = {
  specs() {
    const spec = (name, parameters) => ({ name, description: name, parameters, effect: "none" });
    return [spec("echo", TEXT), spec("look", NOTHING)];
  },
  invoke(call) {
    const args = JSON.parse(call.arguments);
    if (call.name === "echo") return [{ tag: "text", val: args.text }];
    if (call.name === "look") return [{ tag: "json", val: JSON.stringify(look()) }];
    throw { tag: "invalid", val: `there is no ${call.name}` };
  },
};
