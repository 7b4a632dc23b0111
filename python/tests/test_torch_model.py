"""Shared tensors, save_model and load_model: the reference's results, and right where it is wrong."""

import pytest
import safetensors.torch as reference
import torch

import tensorvet.torch as ours

A = torch.arange(100.0)


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Linear(4, 4)
        self.b = self.a
        self.c = torch.nn.Linear(4, 2)


def test_a_range_keeps_holding_what_comes_after_a_shorter_one():
    tensors = {"a": A, "b": A[10:20], "c": A[30:40]}
    assert ours._find_shared_tensors(tensors) == [{"a", "b", "c"}]  # the reference: [{'a', 'b'}, {'c'}]
    assert ours._find_shared_tensors({"a": A[:10], "b": A[10:20]}) == [{"a"}, {"b"}]
    with pytest.raises(RuntimeError, match="Some tensors share memory"):
        ours.save({"a": A[:50], "b": A[10:12], "c": A[30:40]})


def test_a_transposed_view_has_an_end():
    view = A.reshape(10, 10).T[2:5]
    assert ours._end_ptr(view) == view.data_ptr() + (2 + 9 * 10 + 1) * 4  # the reference raises here
    assert ours._find_shared_tensors({"a": A, "t": view}) == [{"a", "t"}]


def test_storage_helpers_agree_with_the_reference():
    for tensor in (A, A[3:5], torch.zeros(0), torch.ones(3, device="meta")):
        for name in ("storage_size", "_is_complete", "storage_ptr"):
            assert getattr(ours, name)(tensor) == getattr(reference, name)(tensor)


@pytest.mark.parametrize("options", [{}, {"preferred_names": ["c"]}, {"discard_names": ["a"]},
                                     {"preferred_names": ["b"], "discard_names": ["b"]}])
def test_names_that_are_kept_are_the_references(options):
    tensors = {"c": A, "a": A, "b": A, "other": torch.ones(3)}
    assert ours._remove_duplicate_names(tensors, **options) == reference._remove_duplicate_names(tensors, **options)


def test_a_part_without_its_whole_is_refused():
    with pytest.raises(RuntimeError, match="None is covering the entire storage"):
        ours._remove_duplicate_names({"a": A[:3]})


def test_save_model_writes_what_the_reference_writes(tmp_path):
    model = torch.nn.Sequential(Tied())
    for metadata in (None, {}):
        ours.save_model(model, tmp_path / "ours", metadata)
        reference.save_model(model, str(tmp_path / "theirs"), metadata)
        loaded, told = ours.load_file(tmp_path / "ours", return_metadata=True)
        theirs, theirs_told = ours.load_file(tmp_path / "theirs", return_metadata=True)
        assert told == theirs_told == {"0.b.bias": "0.a.bias", "0.b.weight": "0.a.weight"}
        assert loaded.keys() == theirs.keys()
    plain = torch.nn.Linear(2, 2)
    for metadata in (None, {}, {"format": "pt"}):
        ours.save_model(plain, tmp_path / "ours", metadata)
        reference.save_model(plain, str(tmp_path / "theirs"), metadata)
        assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_callers_metadata_is_left_alone(tmp_path):
    metadata = {"format": "pt"}
    ours.save_model(Tied(), tmp_path / "m", metadata)
    assert metadata == {"format": "pt"}  # the reference adds the removed names to it


def test_load_model_returns_what_the_reference_returns(tmp_path):
    path = tmp_path / "m.safetensors"
    ours.save_model(Tied(), path)
    for module in (ours, reference):
        model = Tied()
        assert module.load_model(model, str(path)) == (set(), [])
    ours.save_file({"a.weight": torch.ones(4, 4), "new": torch.ones(1)}, path)
    results = [module.load_model(Tied(), str(path), strict=False) for module in (ours, reference)]
    assert results[0] == results[1] and results[0][0] and results[0][1]
    errors = []
    for module in (ours, reference):
        with pytest.raises(RuntimeError) as error:
            module.load_model(Tied(), str(path))
        errors.append(str(error.value))
    assert errors[0] == errors[1]


def test_force_contiguous(tmp_path):
    model = torch.nn.Linear(3, 3)
    model.weight = torch.nn.Parameter(model.weight.detach().T)
    with pytest.raises(ValueError, match="force_contiguous=True"):
        ours.save_model(model, tmp_path / "m", force_contiguous=False)
    ours.save_model(model, tmp_path / "m")
    assert torch.equal(ours.load_file(tmp_path / "m")["weight"], model.weight)
