"""A chain as plain data for drawing, and as a Mermaid flow chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catena.core.chain.slot import Slot

if TYPE_CHECKING:
    from catena.core.chain.model import Chain


def graph(chain: Chain) -> dict[str, Any]:
    """Return nodes, edges, inputs and outputs of a chain as plain data."""
    from catena.core.chain.model import Chain

    built = chain._built
    nodes = [
        {
            "name": name,
            "kind": "slot"
            if isinstance(node, Slot)
            else "chain"
            if isinstance(node, Chain)
            else "model",
            "model": "" if isinstance(node, Slot) else node.info.id,
            "title": node.name if isinstance(node, Slot) else node.info.title or node.info.id,
            "scale": "" if isinstance(node, Slot) else node.info.scale,
            "inputs": [field.label for field in node.inputs],
            "outputs": [field.label for field in node.outputs],
        }
        for name, node in chain.nodes.items()
    ]
    edges = [
        {
            "source": str(feed.source),
            "target": f"{name}.{feed.port}",
            "source_unit": chain.nodes[feed.source.node].outputs[feed.source.name].unit,
            "target_unit": chain.nodes[name].inputs[feed.port].unit,
            "factor": feed.link.scale,
        }
        for name in chain.nodes
        for feed in built.wiring.feeds[name]
        if feed.source.node
    ]
    inputs = [
        {"name": name, "label": chain.inputs[name].label, "targets": [str(port) for port in ports]}
        for name, ports in built.wiring.targets.items()
    ]
    outputs = [{"name": n, "source": p} for n, p in chain._aliases.items()]
    groups = [
        {"nodes": list(step.nodes), "method": step.feedback.method,
         "unknowns": [str(tear.port) for tear in step.tears]}
        for step in chain.steps if step.feedback is not None
    ]  # fmt: skip
    return {"name": chain.info.id, "nodes": nodes, "edges": edges, "inputs": inputs,
            "outputs": outputs, "feedback": groups}  # fmt: skip


def to_mermaid(chain: Chain) -> str:
    """Return a left-to-right flow chart; slots are dashed, feedback groups boxed."""
    data = graph(chain)
    lines = ["flowchart LR"]
    grouped = {name for group in data["feedback"] for name in group["nodes"]}
    shapes = {"model": '["{}"]', "chain": '[["{}"]]', "slot": '("{}"):::slot'}
    spelled = {
        node["name"]: node["name"]
        + shapes[node["kind"]].format(_text(f"{node['name']}<br/>{node['title']}"))
        for node in data["nodes"]
    }
    lines += [f"    {text}" for name, text in spelled.items() if name not in grouped]
    for number, group in enumerate(data["feedback"], start=1):
        lines.append(f'    subgraph loop{number}["feedback: {group["method"]}"]')
        lines += [f"        {spelled[name]}" for name in group["nodes"]]
        lines.append("    end")
    for edge in data["edges"]:
        source, left = edge["source"].split(".", 1)
        target, right = edge["target"].split(".", 1)
        label = left if left == right else f"{left} → {right}"
        unit = f" [{edge['target_unit']}]" if edge["target_unit"] else ""
        lines.append(f'    {source} -- "{_text(label + unit)}" --> {target}')
    lines.append("    classDef slot stroke-dasharray: 5 5")
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    return text.replace('"', "#quot;")
