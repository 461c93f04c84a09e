import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmesh.capabilities import PREDEFINED_POOLS, TREE, CapabilityTree, UnknownCapability

CHAT = "generation.text-generation.chat-completion"

# Names of the tree's own among the parts, so that added nodes meet existing ones.
parts = st.from_regex(r"[a-z0-9]{1,6}(-[a-z0-9]{1,6}){0,2}", fullmatch=True) | st.sampled_from(
    sorted({part for path in TREE for part in path.split(".")})
)
categories = parts.filter(lambda part: part in TREE or not _is_alias(part))
added_paths = st.builds(
    lambda category, rest: ".".join([category, *rest]), categories, st.lists(parts, max_size=3)
)
few = settings(max_examples=25)  # a tree of eighty paths is checked path by path
extended_trees = st.lists(added_paths, max_size=6).map(TREE.extended)


def _is_alias(name: str) -> bool:
    try:
        return TREE.resolve(name) != name
    except UnknownCapability:
        return False


def test_there_are_seven_categories() -> None:
    assert [path for path in TREE if "." not in path] == [
        "generation",
        "understanding",
        "transformation",
        "representation",
        "retrieval",
        "interaction",
        "evaluation",
    ]


def test_paths_come_parents_first() -> None:
    assert list(TREE)[:4] == [
        "generation",
        "generation.text-generation",
        CHAT,
        "generation.text-generation.text-completion",
    ]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (CHAT, CHAT),
        ("chat-completion", CHAT),
        ("generation", "generation"),
        ("reranking", "retrieval.reranking"),
        ("tts", "generation.audio-generation.text-to-speech"),
        ("stt", "understanding.audio-understanding.speech-to-text"),
    ],
)
def test_a_name_resolves_to_its_path(name: str, path: str) -> None:
    assert TREE.resolve(name) == path


@pytest.mark.parametrize(("name", "path"), list(PREDEFINED_POOLS.items()))
def test_a_predefined_pool_is_named_like_the_capability_it_stands_for(name: str, path: str) -> None:
    assert TREE.resolve(name) == path


@pytest.mark.parametrize("path", list(TREE))
def test_every_standard_capability_is_known_by_its_last_part(path: str) -> None:
    assert TREE.alias(path) == path.rpartition(".")[2]


@pytest.mark.parametrize("name", ["chat-completions", "Chat_Completion", " chat completion"])
def test_a_misspelt_name_is_answered_with_the_nearest(name: str) -> None:
    with pytest.raises(UnknownCapability, match="did you mean 'chat-completion'") as raised:
        TREE.resolve(name)
    assert raised.value.name == name
    assert raised.value.suggestions[0] == "chat-completion"


def test_a_name_like_no_other_is_answered_without_suggestions() -> None:
    with pytest.raises(UnknownCapability) as raised:
        TREE.resolve("zzzz")
    assert str(raised.value) == "unknown capability 'zzzz'"
    assert raised.value.suggestions == []


def test_an_unknown_capability_has_neither_leaves_nor_alias() -> None:
    with pytest.raises(UnknownCapability):
        TREE.leaves("generation.poetry")
    with pytest.raises(UnknownCapability):
        TREE.alias("generation.poetry")


def test_a_node_has_all_leaves_below_it() -> None:
    assert TREE.leaves("generation.text-generation") == {
        CHAT,
        "generation.text-generation.text-completion",
        "generation.text-generation.code-generation",
    }
    assert TREE.leaves("retrieval") == {
        *TREE.leaves("retrieval.search"),
        *TREE.leaves("retrieval.knowledge-graph"),
        *TREE.leaves("retrieval.rag"),
        "retrieval.reranking",
    }


def test_a_leaf_has_itself() -> None:
    assert TREE.leaves(CHAT) == {CHAT}
    assert TREE.leaves("evaluation.quality-scoring") == {"evaluation.quality-scoring"}


@pytest.mark.parametrize(
    ("node", "capability", "covered"),
    [
        ("generation", CHAT, True),
        ("generation.text-generation", CHAT, True),
        (CHAT, CHAT, True),
        (CHAT, "generation", False),
        ("generation.image-generation", CHAT, False),
        ("generation.text", CHAT, False),
    ],
)
def test_a_node_covers_itself_and_what_is_below(node: str, capability: str, covered: bool) -> None:
    assert TREE.covers(node, capability) is covered


def test_an_added_path_brings_the_nodes_on_the_way_to_it() -> None:
    tree = TREE.extended(["legal.contracts.clause-extraction", "legal.contracts.redlining"])
    assert list(tree)[len(list(TREE)) :] == [
        "legal",
        "legal.contracts",
        "legal.contracts.clause-extraction",
        "legal.contracts.redlining",
    ]
    assert tree.resolve("redlining") == "legal.contracts.redlining"
    assert len(tree.leaves("legal")) == 2


def test_extending_leaves_the_tree_itself_alone() -> None:
    TREE.extended(["legal.redlining"])
    assert "legal" not in TREE
    assert CapabilityTree.standard() == TREE


def test_adding_what_is_there_changes_nothing() -> None:
    assert TREE.extended([CHAT, "generation"]) == TREE


def test_an_added_node_does_not_take_a_standard_name() -> None:
    tree = TREE.extended(["house.chat-completion"])
    assert tree.resolve("chat-completion") == CHAT
    assert tree.alias("house.chat-completion") == "house.chat-completion"


def test_added_nodes_which_share_a_name_are_known_by_their_paths_only() -> None:
    tree = TREE.extended(["house.scoring", "garden.scoring"])
    with pytest.raises(UnknownCapability):
        tree.resolve("scoring")
    assert tree.alias("garden.scoring") == "garden.scoring"


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("", "empty part"),
        ("generation..poetry", "empty part"),
        ("generation.", "empty part"),
        ("generation.free verse", "white space in 'free verse'"),
        ("generation.poetry\n", "white space"),
        ("generation.Poetry", "upper-case letters in 'Poetry'"),
        ("generation.free_verse", "'free_verse' is not a name"),
        ("generation.-verse", "'-verse' is not a name"),
        ("generation.vers\u00e9", "is not a name"),
        ("chat-completion", "'chat-completion' already stands for 'generation.text-generation"),
        ("tts.local", "'tts' already stands for"),
    ],
)
def test_a_bad_path_is_refused_with_what_is_wrong(path: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        TREE.extended([path])


@few
@given(extended_trees)
def test_every_path_resolves_from_its_alias(tree: CapabilityTree) -> None:
    assert [tree.resolve(tree.alias(path)) for path in tree] == list(tree)
    assert [tree.resolve(path) for path in tree] == list(tree)


@few
@given(extended_trees)
def test_standard_names_mean_the_same_in_every_tree(tree: CapabilityTree) -> None:
    names = [*TREE, *map(TREE.alias, TREE), "tts", "stt"]
    assert [tree.resolve(name) for name in names] == [TREE.resolve(name) for name in names]


@few
@given(extended_trees)
def test_a_nodes_leaves_are_those_it_covers(tree: CapabilityTree) -> None:
    leaves = {leaf for path in tree if "." not in path for leaf in tree.leaves(path)}
    for path in tree:
        assert tree.leaves(path) == {leaf for leaf in leaves if tree.covers(path, leaf)} != set()


@few
@given(extended_trees)
def test_every_node_comes_after_its_parent(tree: CapabilityTree) -> None:
    seen = {""}
    for path in tree:
        assert path.rpartition(".")[0] in seen
        seen.add(path)


@given(st.text())
def test_text_that_is_no_name_is_refused_whatever_it_holds(text: str) -> None:
    with pytest.raises(UnknownCapability) as raised:
        TREE.resolve(f"{text}!")
    assert raised.value.name == f"{text}!"
