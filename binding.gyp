{
  "variables": { "sanitize%": "false" },
  "targets": [
    {
      "target_name": "potemkin",
      "sources": [
        "native/capture.cc",
        "native/classify.cc",
        "native/decide.cc",
        "native/gre.cc",
        "native/ip.cc",
        "native/link.cc",
        "native/pcapng.cc",
        "native/transport.cc",
        "native/datagrams.cc",
        "native/descriptors.cc",
        "native/device.cc",
        "native/flow.cc",
        "native/flow_fragments.cc",
        "native/flow_key.cc",
        "native/flow_settle.cc",
        "native/frames.cc",
        "native/held.cc",
        "native/netns.cc",
        "native/pageclone.cc",
        "native/pagecow.cc",
        "native/pageimage.cc",
        "native/pagescan.cc",
        "native/processmemory.cc",
        "native/raw.cc",
        "native/ring.cc",
        "native/ringframe.cc",
        "native/scans.cc",
        "native/spread.cc",
        "native/table.cc",
        "native/tally.cc",
        "native/translate.cc",
        "native/tun.cc",
        "native/universe_keys.cc",
        "native/wires.cc",
        "native/node/addon.cc",
        "native/node/capture.cc",
        "native/node/classify.cc",
        "native/node/gre.cc",
        "native/node/ip.cc",
        "native/node/descriptors.cc",
        "native/node/device.cc",
        "native/node/flow.cc",
        "native/node/held.cc",
        "native/node/pagecow.cc",
        "native/node/poller.cc",
        "native/node/processmemory.cc",
        "native/node/scans.cc",
        "native/node/table.cc",
        "native/node/tally.cc",
        "native/node/universe_keys.cc",
        "native/node/wires.cc",
      ],
      "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL"],
      "cflags": ["-O3", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wconversion", "-Werror"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-fexceptions"],
      "conditions": [
        ["sanitize=='true'", {
          "cflags": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-g"],
          "ldflags": ["-fsanitize=address,undefined"]
        }]
      ]
    },
    {
      "target_name": "potemkin-launcher",
      "type": "executable",
      "sources": [
        "native/launcher/groups.cc",
        "native/launcher/jail.cc",
        "native/launcher/main.cc",
        "native/launcher/message.cc",
        "native/launcher/root.cc",
        "native/launcher/server.cc",
      ],
      "include_dirs": ["native"],
      "cflags": ["-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-fexceptions"],
      "conditions": [
        ["sanitize=='true'", {
          "cflags": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-g"],
          "ldflags": ["-fsanitize=address,undefined"]
        }]
      ]
    }
  ]
}
